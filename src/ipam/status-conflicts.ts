/**
 * Conflicts with other programs that write the status of our Services. `status.loadBalancer.ingress` is one field with one value: two
 * programs that both insist on their value would overwrite each other forever. So Berth replaces the value of another program only after
 * that program has not written for a minute, and stops after two overwrites in a row.
 */
import { type Ingress, ingressText, type ServiceView } from '../api/service.ts';
import { isForeign, type Ownership } from './ownership.ts';

/** Whether Berth may write a Service's ingress. */
export type WriteDecision =
  | { readonly kind: 'Write' }
  /** Replace the value of another program. */
  | { readonly kind: 'Force' }
  /** Not now: another program has just written. */
  | { readonly kind: 'Wait'; readonly retryInMs: number }
  /** It was overwritten repeatedly. An empty status is written again after a long time. */
  | { readonly kind: 'Contested'; readonly retryInMs: number | undefined };

interface WriteRecord {
  readonly ingress: string;
  readonly wroteAt: number;
  readonly overwrites: number;
  /** When another value was first seen in the status; undefined while it has the value that Berth wrote. */
  readonly overwrittenAt: number | undefined;
}

const quietMs = 60_000;
const contestedMs = 600_000;
const mostOverwrites = 2;

/** Remembers what Berth wrote to each Service. Times are milliseconds since 1970. */
export class StatusConflicts {
  readonly #records = new Map<string, WriteRecord>();

  /** Decides whether this ingress may be written to the Service, which shows another one. */
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
    // Another program may own the field too, because it wrote the same value. A different value is then a conflict with that program.
    const others = service.ingressWriters.filter(({ manager }) => manager !== ownership.writer);
    if (!foreign && (others.length === 0 || service.ingress.length === 0)) return { kind: 'Write' };
    const leftMs = Math.max(...others.map(({ at }) => at)) + quietMs - now;
    return leftMs > 0 ? { kind: 'Wait', retryInMs: Math.min(leftMs, quietMs) } : { kind: 'Force' };
  }

  /** Records a write of Berth. */
  wrote({ uid }: ServiceView, ingress: readonly Ingress[], now: number): void {
    const text = ingressText(ingress);
    const before = this.#records.get(uid);
    const overwrites = before?.ingress === text ? before.overwrites : 0;
    this.#records.set(uid, { ingress: text, wroteAt: now, overwrites, overwrittenAt: undefined });
  }

  /** Removes the records of Services that no longer exist. */
  keepOnly(isKnown: (uid: string) => boolean): void {
    for (const uid of this.#records.keys()) if (!isKnown(uid)) this.#records.delete(uid);
  }

  /** Records an overwrite. One that follows our write within a minute continues a series; a later one begins a new series. */
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
