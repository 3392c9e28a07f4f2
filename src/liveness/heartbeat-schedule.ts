/**
 * Whom this speaker beats, and when. In a small cluster everybody beats everybody; in a large one each node is watched by a few, and the
 * others hear from it now and then, or it would be a thousand datagrams a second on every node (100 nodes).
 */

import type { PeerStates } from './failure-detector.ts';
import { times } from './messages.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';

/** From so many nodes on, this one included, each is watched by a few. */
const manyNodes = 30;
const watchers = 5;
/** A node speaks to so many others in a second, besides its watchers. */
const slowPerSecond = 100;
/** It calls so many that it does not hear in a second. */
const callsPerSecond = 250;
/** How long a peer gets beats at the quick pace until both know each other's claims; later it goes on slowly. */
const settleMs = 2_000;

/** When each peer is spoken to. */
export class HeartbeatSchedule {
  readonly #peers: Peers;
  readonly #rank: (nodes: readonly string[]) => readonly string[];
  readonly #sent = new Map<string, { readonly at: number; readonly ms: number }>();
  #watchers: ReadonlySet<string> = new Set();
  #among = '';
  #count = 0;
  #spread = 0;
  #quickUntil = Number.NEGATIVE_INFINITY;

  /** `rank` puts the nodes in an order that is this node's own. */
  constructor(peers: Peers, rank: (nodes: readonly string[]) => readonly string[]) {
    this.#peers = peers;
    this.#rank = rank;
  }

  /** Everybody is told at once, and again for a while: this node's state or links have changed. */
  sendSoonToAll(now: number): void {
    this.#quickUntil = now + 3 * times.heartbeat;
    this.#sent.clear();
  }

  /** Those of the other nodes that get a beat now. */
  due(others: readonly string[], review: PeerStates, now: number): readonly string[] {
    this.#count = others.length;
    this.#choose(others, review);
    const silent = others.filter((node) => isSilent(node, review)).length;
    const callMs = Math.max(times.call, (1_000 * silent) / callsPerSecond);
    const isQuick = review.alarm || now < this.#quickUntil;
    return others.filter((node) => {
      const wanted = isQuick ? times.heartbeat : this.#intervalOf(node, { review, now, callMs });
      const sent = this.#sent.get(node);
      // What was promised is kept, even if the next beat will come later.
      const ms = Math.min(wanted, sent?.ms ?? 0);
      if (sent !== undefined && now - sent.at < ms * 0.7) return false;
      this.#sent.set(node, { at: now, ms: this.#spreadOut(Math.min(wanted, this.promiseTo(node))) });
      return true;
    });
  }

  /** After how many milliseconds a node gets its next beat at the latest. */
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

  /** Slow beats to different nodes go out at different times. */
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

/** Does it not know us, or do we not know each other's claims? */
function isUnsettled({ incarnation, newest, newestAt, heartbeat, incompleteSince }: Peer, now: number): boolean {
  if (newest !== incarnation && now - newestAt < times.slowHeartbeat) return true;
  if (heartbeat?.wantsClaims) return true;
  return incompleteSince !== undefined && now - incompleteSince < settleMs;
}
