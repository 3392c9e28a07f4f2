/**
 * Who else writes the status of our Services. `status.loadBalancer.ingress` is one field with one value: two programs that both insist
 * would write against each other for ever. What another program wrote is replaced only when it has been quiet for a while, and whoever
 * overwrites us twice in a row is left alone.
 */
import { type Ingress, ingressText, type ServiceView } from '../api/service.ts';
import { isForeign, type Ownership } from './ownership.ts';

/** What may be written to a Service's ingress. */
export type WriteDecision =
  | { readonly kind: 'Write' }
  /** Replace what another program wrote. */
  | { readonly kind: 'Force' }
  /** Not now: another program wrote just now. */
  | { readonly kind: 'Wait'; readonly retryInMs: number }
  /** It was overwritten again and again. An empty status is tried again after a long time. */
  | { readonly kind: 'Contested'; readonly retryInMs: number | undefined };

interface WriteRecord {
  readonly ingress: string;
  readonly wroteAt: number;
  readonly overwrites: number;
  /** When it was seen that the status says something else; undefined while it says what we wrote. */
  readonly overwrittenAt: number | undefined;
}

const quietMs = 60_000;
const contestedMs = 600_000;
const mostOverwrites = 2;

/** Remembers what was written to whom. Times are milliseconds since 1970. */
export class StatusConflicts {
  readonly #records = new Map<string, WriteRecord>();

  /** May this be written to the Service, which shows something else? */
  decideWrite(
    service: ServiceView,
    ingress: readonly Ingress[],
    { ownership, now }: { readonly ownership: Ownership; readonly now: number },
  ): WriteDecision {
    const record = this.#noteOverwrite(service, ingress, now);
    const foreign = isForeign(service, ownership);
    if (record && record.overwrites >= mostOverwrites && record.overwrittenAt !== undefined) {
      const leftMs = record.overwrittenAt + contestedMs - now;
      if (foreign) return { kind: 'Contested', retryInMs: undefined };
      if (leftMs > 0) return { kind: 'Contested', retryInMs: leftMs };
    }
    // Another program may own what we wrote too (it wrote the same): another value is a conflict then, as in the status of its own.
    const others = service.ingressWriters.filter(({ manager }) => manager !== ownership.writer);
    if (!foreign && (others.length === 0 || service.ingress.length === 0)) return { kind: 'Write' };
    const leftMs = Math.max(...others.map(({ at }) => at)) + quietMs - now;
    return leftMs > 0 ? { kind: 'Wait', retryInMs: Math.min(leftMs, quietMs) } : { kind: 'Force' };
  }

  /** We wrote this. */
  wrote({ uid }: ServiceView, ingress: readonly Ingress[], now: number): void {
    const text = ingressText(ingress);
    const before = this.#records.get(uid);
    const overwrites = before?.ingress === text ? before.overwrites : 0;
    this.#records.set(uid, { ingress: text, wroteAt: now, overwrites, overwrittenAt: undefined });
  }

  /** Forgets what is not known any longer, so that nothing stays of what is gone. */
  keepOnly(isKnown: (uid: string) => boolean): void {
    for (const uid of this.#records.keys()) if (!isKnown(uid)) this.#records.delete(uid);
  }

  /** An overwrite soon after our write is one of a row; a late one begins a new row. */
  #noteOverwrite({ uid }: ServiceView, ingress: readonly Ingress[], now: number): WriteRecord | undefined {
    const record = this.#records.get(uid);
    if (record === undefined || record.ingress !== ingressText(ingress)) return undefined;
    if (record.overwrittenAt !== undefined) return record;
    const inARow = now - record.wroteAt < quietMs;
    const noted = { ...record, overwrites: inARow ? record.overwrites + 1 : 1, overwrittenAt: now };
    this.#records.set(uid, noted);
    return noted;
  }
}
