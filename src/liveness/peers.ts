/** What a speaker hears of the others. Pure: the time is an argument, in milliseconds on any clock that never goes back. */

import { ClaimReplica } from './claim-replica.ts';
import { ClaimStore } from './claim-store.ts';
import { isSuspicion, type Liveness, type PeerStates, peerStatesAt } from './failure-detector.ts';
import { type Addressee, type Heartbeat, type Incarnation, type Message, times } from './messages.ts';
import { newPeer, type Peer } from './peer.ts';
import { ReplayWindow } from './replay-window.ts';

/** What became of a datagram whose signature was right. */
export type Reception =
  | 'Taken'
  /** Not for this incarnation of this node. Its sender learns ours from our next beat. */
  | 'OtherAddressee'
  /** Of an incarnation that has ended, or older than one that was taken on the same path. */
  | 'Replayed';

/** One path may be so many datagrams behind another. */
const pathLag = 3;

/** All peers, by name. */
export class Peers {
  readonly self: Incarnation;
  /** What everybody claims, this node included. */
  readonly claims = new ClaimStore();
  readonly #peers = new Map<string, Peer>();
  #review: { readonly now: number; readonly received: number; readonly states: PeerStates } | undefined;
  #received = 0;
  #isUrgent = false;
  /** When a peer told us last that it misses us. */
  #missedAt = Number.NEGATIVE_INFINITY;

  constructor(self: Incarnation) {
    this.self = self;
  }

  /** Those that were heard at least once. */
  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** A peer that was heard at least once. */
  get(node: string): Peer | undefined {
    return this.#peers.get(node);
  }

  /** Peers that are not wanted any more are forgotten. */
  keepOnly(isWanted: (node: string) => boolean): void {
    for (const node of this.#peers.keys()) {
      if (isWanted(node)) continue;
      this.claims.replace(node, []);
      this.#peers.delete(node);
    }
    this.#received++;
  }

  /** Has something come since this was called last that changes more than the time of the last beat? */
  takeUrgentWork(): boolean {
    const isUrgent = this.#isUrgent;
    this.#isUrgent = false;
    return isUrgent;
  }

  /** As {@link takeUrgentWork}, without forgetting it. */
  get hasUrgentWork(): boolean {
    return this.#isUrgent;
  }

  /** Whom a datagram for a node is for. */
  addressOf(node: string): Addressee {
    const peer = this.#peers.get(node);
    return { node, incarnation: peer?.incarnation ?? '', newest: peer?.newest ?? '' };
  }

  /** Takes in a datagram that came on a path. */
  receive(message: Message, path: string, now: number): Reception {
    const { from, to, sequence } = message;
    if (from.node === this.self.node || to.node !== this.self.node) return 'OtherAddressee';
    const peer = this.#peers.get(from.node) ?? newPeer(from.node, now);
    if (peer.ended.has(from.incarnation)) return 'Replayed';
    this.#peers.set(from.node, peer);
    this.#received++;
    if (to.incarnation !== this.self.incarnation && to.newest !== this.self.incarnation) {
      // It does not know us yet. Nothing that it says counts before it proves that it hears us now.
      if (from.incarnation !== peer.newest && from.incarnation !== peer.incarnation) this.#isUrgent = true;
      Object.assign(peer, { newest: from.incarnation, newestAt: now } satisfies Partial<Peer>);
      return 'OtherAddressee';
    }
    if (peer.incarnation !== from.incarnation) this.#welcome(peer, from.incarnation, now);
    const known = peer.paths.get(path) ?? { window: new ReplayWindow(), at: now };
    peer.paths.set(path, known);
    const order = known.window.take(sequence);
    if (order === 'Replayed') return 'Replayed';
    // Who sends on another path what came on this one before does not keep a dead peer alive by it.
    if (order === 'Newest' && sequence >= peer.heardSequence - pathLag) known.at = now;
    if (sequence > peer.heardSequence)
      Object.assign(peer, { heardAt: now, heardSequence: sequence } satisfies Partial<Peer>);
    // The same message comes over several paths, and one path is quicker than the other.
    if (message.kind === 'Heartbeat') {
      if (sequence > peer.heartbeatSequence) this.#takeHeartbeat(peer, message, now);
    } else if (message.kind === 'Claims') {
      peer.replica?.take(message);
      if (this.claims.isTouched) this.#isUrgent = true;
    }
    if (sequence > peer.digest.sequence) peer.digest = { sequence, claims: message.total };
    const complete = this.isComplete(peer);
    peer.incompleteSince = complete ? undefined : (peer.incompleteSince ?? now);
    return 'Taken';
  }

  #welcome(peer: Peer, incarnation: string, now: number): void {
    if (peer.incarnation !== undefined) peer.ended.add(peer.incarnation);
    for (const oldest of peer.ended) if (peer.ended.size > mostEnded) peer.ended.delete(oldest);
    const claims = this.claims.of(peer.node);
    // One that was restarted twice has not claimed anything in between: what it had before counts on.
    if (claims.size > 0) peer.former = new Map(claims);
    this.claims.replace(peer.node, []);
    const { node, ended, former } = peer;
    Object.assign(peer, newPeer(node, now), {
      ...{ ended, former, incarnation, newest: incarnation, newestAt: now },
      replica: new ClaimReplica(this.claims, node),
    } satisfies Partial<Peer>);
    this.#isUrgent = true;
  }

  #takeHeartbeat(peer: Peer, heartbeat: Heartbeat, now: number): void {
    const before = peer.heartbeat;
    if (before?.state !== heartbeat.state) peer.stateSince = now;
    peer.heartbeat = heartbeat;
    peer.heartbeatAt = now;
    peer.heartbeatSequence = heartbeat.sequence;
    let isNew = false;
    for (const [node, ageMs] of heartbeat.heard) {
      const other = this.#peers.get(node);
      if (other) other.confirmedAliveAt = Math.max(other.confirmedAliveAt, now - ageMs);
      if (!isSuspicion(ageMs)) continue;
      const missedAt = (node === this.self.node ? this.#missedAt : other?.missedAt) ?? now;
      if (now - missedAt >= times.suspect) isNew = true;
      if (other) other.missedAt = now;
      else if (node === this.self.node) this.#missedAt = now;
    }
    if (isNew || before?.state !== heartbeat.state || peer.lostAt !== undefined) this.#isUrgent = true;
  }

  /** How everybody is now. */
  review(now: number): PeerStates {
    if (this.#review?.now !== now || this.#review.received !== this.#received) {
      const states = peerStatesAt(this.#peers.values(), this.#missedAt, now);
      for (const [node, { liveness, heardAt }] of states.of) {
        const peer = this.#peers.get(node);
        if (peer === undefined) continue;
        if (peer.lostAt !== undefined && liveness !== 'Dead') peer.aliveSince = now;
        peer.lostAt = liveness === 'Dead' ? (peer.lostAt ?? heardAt) : undefined;
      }
      this.#review = { now, received: this.#received, states };
    }
    return this.#review.states;
  }

  /** How a peer is now. */
  livenessOf(node: string, now: number): Liveness {
    return this.review(now).of.get(node)?.liveness ?? 'Unknown';
  }

  /** When a node was last heard, by us on any path or by a peer that told us so. */
  lastHeard(node: string, now: number): number {
    return this.review(now).of.get(node)?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** When we heard a node last, on any path. */
  lastHeardByUs(node: string): number {
    return this.#peers.get(node)?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** We slept: nothing that was heard before says how anybody is now. */
  forgetHeartbeats(): void {
    for (const peer of this.#peers.values()) {
      peer.heartbeat = undefined;
      peer.heardAt = Number.NEGATIVE_INFINITY;
      peer.confirmedAliveAt = Number.NEGATIVE_INFINITY;
      for (const path of peer.paths.values()) path.at = Number.NEGATIVE_INFINITY;
    }
    this.#received++;
  }

  /** Was it heard on this path in the time in which a live peer is? */
  isHeardOn(node: string, path: string, now: number): boolean {
    return now - (this.#peers.get(node)?.paths.get(path)?.at ?? Number.NEGATIVE_INFINITY) < times.dead;
  }

  /** Do we know all its claims? */
  isComplete({ node, heartbeat, digest }: Peer): boolean {
    const known = this.claims.digestOf(node);
    return heartbeat !== undefined && digest.claims.count === known.count && digest.claims.sum === known.sum;
  }

  /** Does nobody speak to us? Known before anybody is found dead, since it tells what to think of that. */
  isIsolated(now: number): boolean {
    for (const { heardAt } of this.#peers.values()) if (now - heardAt < times.suspect) return false;
    return true;
  }
}

/** How many ended incarnations are remembered, so that their datagrams are never taken again. */
const mostEnded = 64;
