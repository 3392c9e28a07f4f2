/**
 * Decides when a speaker only listens to its peers and answers for no VIP: after its start, after a sleep, after the
 * return of a link.
 */
import { times } from '../liveness/messages.ts';
import type { Peer } from '../liveness/peer.ts';
import type { Vip } from './view.ts';

/** A main loop that is this late was stopped: other nodes may have taken its VIPs. */
export const lateMs = 300;

/**
 * Must a speaker listen when this link appears: were peers heard on it, or may other nodes have answered for VIPs on it
 * while it was away? Any other link tells nothing about the VIPs: that of a Pod, or a bridge of containers.
 */
export function isAwaited(
  link: string,
  { self, vips, peers }: { readonly self: string; readonly vips: readonly Vip[]; readonly peers: readonly Peer[] },
): boolean {
  return peers.some(({ paths }) => paths.has(link)) || vips.some(({ linksOf }) => linksOf(self)?.includes(link));
}

/** Whether one speaker listens. */
export class Listening {
  #since: number;
  #tickedAt: number;
  #done = false;
  #linkCameBack = false;

  constructor(now: number) {
    this.#since = now;
    this.#tickedAt = now;
  }

  /** A link has appeared. */
  linkCameBack(): void {
    this.#linkCameBack = true;
  }

  /** Listens again after a sleep, and when a link appears while no peer is heard. True if it begins again. */
  beginsAgain(now: number, isolated: boolean): boolean {
    const begins = now - this.#tickedAt > lateMs || (this.#linkCameBack && isolated);
    this.#tickedAt = now;
    this.#linkCameBack = false;
    if (begins) {
      this.#since = now;
      this.#done = false;
    }
    return begins;
  }

  /** Listens until the claims of all other nodes are known, but for at most `times.listen`. */
  goesOn(now: number, others: readonly string[], isKnown: (node: string) => boolean): boolean {
    if (this.#done) return false;
    const ms = now - this.#since;
    const isOver = ms >= times.listen || (ms >= 2 * times.heartbeat && others.every(isKnown));
    this.#done = isOver || others.length === 0;
    return !this.#done;
  }
}
