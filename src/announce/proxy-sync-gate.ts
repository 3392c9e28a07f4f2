/**
 * Whether a node can serve a VIP that it announces for the first time: kube-proxy has written its rules since the VIP was there. Clients that
 * come earlier would find a port that nobody answers. A VIP that was announced before never waits, and none waits for long.
 */
import { type Family, familyOf } from '../addr/ip.ts';
import type { HeldVip } from './conflict-detector.ts';

/**
 * `Pending`: not yet, do not announce it. `Unproven`: announced without knowing. `Ready`: it can, or nobody knows of what would have to be
 * waited for.
 */
export type ProxySyncState = 'Pending' | 'Unproven' | 'Ready';

/** What kube-proxy says of its rules of one family. */
export interface FamilySync {
  /** When it wrote them last, milliseconds since 1970. */
  readonly at: number;
  /** Nothing that it was told waits for longer than it should. */
  readonly isHealthy: boolean;
}

/** What it says of each family; undefined where it does not say. */
export type LastSync = Readonly<Partial<Record<Family, FamilySync>>> | undefined;

/** A first announcement waits for so long at most. Milliseconds. */
export const patienceMs = 2_000;

/**
 * A Service may have had its address long before an L2Advertisement came for it: kube-proxy wrote its rules then, and writes none now. Once it
 * must have been told, its own word that it is up to date will do. Milliseconds.
 */
export const toldMs = 10_000;

interface Waiting {
  readonly family: Family;
  /** Milliseconds since 1970. */
  readonly since: number;
  state: ProxySyncState;
}

/** Remembers since when each VIP waits. The time is an argument, in milliseconds since 1970: kube-proxy tells it so. */
export class ProxySyncGate {
  #waiting: ReadonlyMap<string, Waiting> = new Map();

  /** Takes in what is held. */
  observe(held: readonly HeldVip[], now: number): void {
    const first = held.filter(({ uid, isFirst }) => isFirst || this.#waiting.has(uid));
    this.#waiting = new Map(
      first.map(({ uid, address }) => [
        uid,
        this.#waiting.get(uid) ?? { family: familyOf(address), since: now, state: 'Pending' },
      ]),
    );
  }

  /** Does any of them still need to know? */
  get isAsking(): boolean {
    return [...this.#waiting.values()].some(({ state }) => state !== 'Ready');
  }

  /** Does any of them wait? */
  get isPending(): boolean {
    return [...this.#waiting.values()].some(({ state }) => state === 'Pending');
  }

  /** Takes in what kube-proxy says; is any of them other than before? */
  take(last: LastSync, now: number): boolean {
    let changed = false;
    for (const waiting of this.#waiting.values()) {
      const { family, since, state } = waiting;
      if (state === 'Ready') continue;
      const sync = last?.[family];
      // Whoever does not say when is not waited for: another program may do kube-proxy's work.
      if (sync === undefined || sync.at >= since || (sync.isHealthy && now - since >= toldMs)) waiting.state = 'Ready';
      else if (now - since >= patienceMs) waiting.state = 'Unproven';
      if (waiting.state !== state) changed = true;
    }
    return changed;
  }

  /** How it is with a VIP. */
  of(uid: string): ProxySyncState {
    return this.#waiting.get(uid)?.state ?? 'Ready';
  }
}
