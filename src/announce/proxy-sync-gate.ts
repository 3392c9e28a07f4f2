/**
 * Decides whether a node can serve a VIP that it announces for the first time: kube-proxy must have written its rules
 * since the VIP exists. Clients that connect earlier would find a port without an answer. A VIP that was announced
 * before never waits, and no VIP waits for long.
 */
import { type Family, familyOf } from '../addr/ip.ts';
import type { HeldVip } from './watched-vip.ts';

/**
 * `Pending`: kube-proxy is not in sync yet, do not announce the VIP. `Unproven`: announced without proof. `Ready`:
 * kube-proxy is in sync, or it reports nothing that could be waited for.
 */
export type ProxySyncState = 'Pending' | 'Unproven' | 'Ready';

/** What kube-proxy reports about its rules of one family. */
interface FamilySync {
  /** When it last wrote them, in milliseconds since 1970. */
  readonly at: number;
  /** No change has waited for longer than it should. */
  readonly isHealthy: boolean;
}

/** What it reports about each family; undefined if it reports nothing. */
type LastSync = Readonly<Partial<Record<Family, FamilySync>>> | undefined;

/** A first announcement waits for at most this long. Milliseconds. */
export const patienceMs = 2_000;

/**
 * A Service may have had its address long before an L2Advertisement selected it: kube-proxy wrote its rules then, and
 * writes none now. After this time kube-proxy must have received the Service, so a healthy report is enough.
 * Milliseconds.
 */
export const syncedMs = 10_000;

interface Waiting {
  readonly family: Family;
  /** On the monotonic clock. */
  readonly since: number;
  state: ProxySyncState;
}

/** One moment on both clocks, in milliseconds. */
interface Moment {
  /** Since 1970, as kube-proxy reports it. This clock may be set. */
  readonly wall: number;
  readonly monotonic: number;
}

/** Remembers since when each VIP waits. The time is an argument. */
export class ProxySyncGate {
  #waiting: ReadonlyMap<string, Waiting> = new Map();

  /** Replaces the VIPs that this node holds. `now` is in milliseconds on the monotonic clock. */
  observe(held: readonly HeldVip[], now: number): void {
    const first = held.filter(({ uid, isFirst }) => isFirst || this.#waiting.has(uid));
    this.#waiting = new Map(
      first.map(({ uid, address }) => [
        uid,
        this.#waiting.get(uid) ?? { family: familyOf(address), since: now, state: 'Pending' },
      ]),
    );
  }

  /** Does any VIP still need a report of kube-proxy? */
  get needsReport(): boolean {
    return [...this.#waiting.values()].some(({ state }) => state !== 'Ready');
  }

  /** Does any VIP wait for its announcement? */
  get isPending(): boolean {
    return [...this.#waiting.values()].some(({ state }) => state === 'Pending');
  }

  /** Applies a report of kube-proxy. True if the state of any VIP has changed. */
  take(last: LastSync, now: Moment): boolean {
    let changed = false;
    for (const waiting of this.#waiting.values()) {
      const { family, since, state } = waiting;
      if (state === 'Ready') continue;
      const sync = last?.[family];
      const waited = now.monotonic - since;
      // Without a report there is nothing to wait for: another program may replace kube-proxy.
      // The wait began at this time of the clock of today, even if it was set meanwhile.
      if (sync === undefined || sync.at >= now.wall - waited || (sync.isHealthy && waited >= syncedMs))
        waiting.state = 'Ready';
      else if (waited >= patienceMs) waiting.state = 'Unproven';
      if (waiting.state !== state) changed = true;
    }
    return changed;
  }

  /** The state of a VIP. */
  of(uid: string): ProxySyncState {
    return this.#waiting.get(uid)?.state ?? 'Ready';
  }
}
