/**
 * Decides which peers get a heartbeat, and when. In a small cluster every speaker sends heartbeats to every other one
 * every 100 ms. In a large cluster only a few peers watch each node, and the other peers get its heartbeats rarely:
 * otherwise every node of 100 would send a thousand datagrams a second.
 */

import type { PeerStates } from './failure-detector.ts';
import { times } from './messages.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';

/** From this many nodes on, this one included, only a few peers watch each node. */
const manyNodes = 30;
const watchers = 5;
/** A node sends heartbeats to this many peers in a second, besides its watchers. */
const slowPerSecond = 100;
/** It sends heartbeats to at most this many silent peers in a second. */
const callsPerSecond = 250;
/**
 * For at most this long a peer gets heartbeats at the quick pace until both know each other's claims; after that at the
 * slow pace.
 */
const settleMs = 2_000;

/** When each peer gets a heartbeat. */
export class HeartbeatSchedule {
  readonly #peers: Peers;
  readonly #rank: (nodes: readonly string[]) => readonly string[];
  readonly #sent = new Map<string, { readonly at: number; readonly ms: number }>();
  #watchers: ReadonlySet<string> = new Set();
  #among = '';
  #count = 0;
  #spread = 0;
  #quickUntil = Number.NEGATIVE_INFINITY;

  /** `rank` orders nodes differently for every speaker. */
  constructor(peers: Peers, rank: (nodes: readonly string[]) => readonly string[]) {
    this.#peers = peers;
    this.#rank = rank;
  }

  /** All peers get a heartbeat at once, and every 100 ms for a while: this node's state or links have changed. */
  sendSoonToAll(now: number): void {
    this.#quickUntil = now + 3 * times.heartbeat;
    this.#sent.clear();
  }

  /** The other nodes that get a heartbeat now. */
  due(others: readonly string[], review: PeerStates, now: number): readonly string[] {
    this.#count = others.length;
    this.#choose(others, review);
    const silent = others.filter((node) => isSilent(node, review)).length;
    const callMs = Math.max(times.call, (1_000 * silent) / callsPerSecond);
    const isQuick = review.alarm || now < this.#quickUntil;
    return others.filter((node) => {
      const wanted = isQuick ? times.heartbeat : this.#intervalOf(node, { review, now, callMs });
      const sent = this.#sent.get(node);
      // The promise of the last heartbeat is kept, even if the interval is longer now.
      const ms = Math.min(wanted, sent?.ms ?? 0);
      if (sent !== undefined && now - sent.at < ms * 0.7) return false;
      this.#sent.set(node, { at: now, ms: this.#spreadOut(Math.min(wanted, this.promiseTo(node))) });
      return true;
    });
  }

  /** A node gets its next heartbeat after this many milliseconds at the latest. */
  promiseTo(node: string): number {
    if (this.#watchers.has(node)) return times.heartbeat;
    return Math.max(times.slowHeartbeat, (1_000 * this.#count) / slowPerSecond);
  }

  #intervalOf(
    node: string,
    { review, now, callMs }: { readonly review: PeerStates; readonly now: number; readonly callMs: number },
  ): number {
    const peer = this.#peers.get(node);
    if (peer !== undefined && isUnsettled(peer, now)) return times.heartbeat;
    const promised = this.promiseTo(node);
    return isSilent(node, review) ? Math.min(callMs, promised) : promised;
  }

  /** Spreads slow heartbeats to different nodes over time. */
  #spreadOut(ms: number): number {
    if (ms <= times.heartbeat) return ms;
    this.#spread = (this.#spread + 0.618) % 1;
    return ms * (1 + 0.4 * this.#spread);
  }

  #choose(others: readonly string[], review: PeerStates): void {
    const many = others.length + 1 >= manyNodes;
    const candidates = many ? others.filter((node) => !isSilent(node, review)) : others;
    const among = candidates.join(' ');
    if (among === this.#among) return;
    this.#among = among;
    this.#watchers = new Set(many ? this.#rank(candidates).slice(0, watchers) : candidates);
  }
}

function isSilent(node: string, { of }: PeerStates): boolean {
  const liveness = of.get(node)?.liveness ?? 'Unknown';
  return liveness === 'Dead' || liveness === 'Unknown';
}

/** Does it not know this node, or does one of both not know the other's claims? */
function isUnsettled({ incarnation, newest, newestAt, heartbeat, incompleteSince }: Peer, now: number): boolean {
  if (newest !== incarnation && now - newestAt < times.slowHeartbeat) return true;
  if (heartbeat?.wantsClaims) return true;
  return incompleteSince !== undefined && now - incompleteSince < settleMs;
}
