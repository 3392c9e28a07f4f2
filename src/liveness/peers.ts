/**
 * What a speaker knows of its peers from their datagrams. Pure: the time is an argument, in milliseconds on a monotonic
 * clock.
 */

import { ClaimReplica } from './claim-replica.ts';
import { ClaimStore } from './claim-store.ts';
import { isSuspicion, type Liveness, type PeerStates, peerStatesAt } from './failure-detector.ts';
import { type Addressee, type Heartbeat, type Incarnation, type Message, times } from './messages.ts';
import { newPeer, type Peer } from './peer.ts';
import { PeerLinks } from './peer-links.ts';
import { ReplayWindow } from './replay-window.ts';

/** The outcome of a datagram with a valid signature. */
export type Reception =
  | 'Taken'
  /** Not for this incarnation of this node. The sender learns our incarnation from our next heartbeat. */
  | 'OtherAddressee'
  /**
   * From an incarnation that has ended, or a sequence that already came on the same path or is too old for its window.
   */
  | 'Replayed';

/** One path may be at most this many datagrams behind another one. */
const pathLag = 3;

/** All peers, by name. */
export class Peers {
  readonly self: Incarnation;
  /** The claims of all nodes, this one included. */
  readonly claims = new ClaimStore();
  /** The links of all peers. */
  readonly links = new PeerLinks();
  readonly #peers = new Map<string, Peer>();
  #review: { readonly now: number; readonly received: number; readonly states: PeerStates } | undefined;
  #received = 0;
  #isUrgent = false;
  #areLinksChanged = false;
  /** When a peer last reported that it misses this node, and when a peer last heard it, according to its report. */
  #missedAt = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(self: Incarnation) {
    this.self = self;
  }

  /** The peers that were heard at least once. */
  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** A peer that was heard at least once. */
  get(node: string): Peer | undefined {
    return this.#peers.get(node);
  }

  /** Forgets the peers that are not wanted any more. */
  keepOnly(isWanted: (node: string) => boolean): void {
    for (const node of this.#peers.keys()) {
      if (isWanted(node)) continue;
      this.claims.replace(node, []);
      this.links.forget(node);
      this.#peers.delete(node);
    }
    this.#received++;
  }

  /** Has a datagram since the last call changed more than the time of the last heartbeat? */
  takeUrgentWork(): boolean {
    const isUrgent = this.#isUrgent;
    this.#isUrgent = false;
    return isUrgent;
  }

  /** Has a heartbeat since the last call reported other links than before? */
  takeLinkChange(): boolean {
    const isChanged = this.#areLinksChanged;
    this.#areLinksChanged = false;
    return isChanged;
  }

  /** As {@link takeUrgentWork}, without a reset. */
  get hasUrgentWork(): boolean {
    return this.#isUrgent;
  }

  /** The addressee of a datagram to a node. */
  addressOf(node: string): Addressee {
    const peer = this.#peers.get(node);
    return { node, incarnation: peer?.incarnation ?? '', newest: peer?.newest ?? '' };
  }

  /** Processes a datagram that arrived on a path. */
  receive(message: Message, path: string, now: number): Reception {
    const { from, to, sequence } = message;
    if (from.node === this.self.node || to.node !== this.self.node) return 'OtherAddressee';
    const peer = this.#peers.get(from.node) ?? newPeer(from.node, now);
    if (peer.ended.has(from.incarnation)) return 'Replayed';
    this.#peers.set(from.node, peer);
    this.#received++;
    if (to.incarnation !== this.self.incarnation && to.newest !== this.self.incarnation) {
      // The sender does not know this node yet. Its content is ignored until the sender proves that it hears this node
      // now.
      if (from.incarnation !== peer.newest && from.incarnation !== peer.incarnation) this.#isUrgent = true;
      Object.assign(peer, { newest: from.incarnation, newestAt: now } satisfies Partial<Peer>);
      return 'OtherAddressee';
    }
    if (peer.incarnation !== from.incarnation) this.#startIncarnation(peer, from.incarnation, now);
    const known = peer.paths.get(path) ?? { window: new ReplayWindow(), at: now };
    peer.paths.set(path, known);
    const order = known.window.take(sequence);
    if (order === 'Replayed') return 'Replayed';
    // A host that sends an old datagram again on another path cannot keep a dead peer alive.
    if (order === 'Newest' && sequence >= peer.heardSequence - pathLag) known.at = now;
    if (sequence > peer.heardSequence)
      Object.assign(peer, { heardAt: now, heardSequence: sequence } satisfies Partial<Peer>);
    // The same message arrives on several paths, and one path may be faster than another.
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

  #startIncarnation(peer: Peer, incarnation: string, now: number): void {
    if (peer.incarnation !== undefined) peer.ended.add(peer.incarnation);
    for (const oldest of peer.ended) if (peer.ended.size > mostEnded) peer.ended.delete(oldest);
    const claims = this.claims.of(peer.node);
    // A peer that was restarted twice may have claimed nothing in between: then its claims from before still count.
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
    if (this.links.take(heartbeat)) this.#areLinksChanged = true;
    let isNew = false;
    for (const [node, ageMs, state] of heartbeat.heard) {
      const other = this.#peers.get(node);
      if (other && state === 'Restarting' && now - ageMs > other.toldRestartAt + times.heartbeat) {
        other.toldRestartAt = now - ageMs;
        isNew = true;
      }
      if (other) other.confirmedAliveAt = Math.max(other.confirmedAliveAt, now - ageMs);
      if (node === this.self.node) this.#heardAt = Math.max(this.#heardAt, now - ageMs);
      if (!isSuspicion(ageMs)) continue;
      const missedAt = (node === this.self.node ? this.#missedAt : other?.missedAt) ?? now;
      if (now - missedAt >= times.suspect) isNew = true;
      if (other) other.missedAt = now;
      else if (node === this.self.node) this.#missedAt = now;
    }
    if (isNew || before?.state !== heartbeat.state || peer.lostAt !== undefined) this.#isUrgent = true;
  }

  /** The states of all peers now. */
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

  /** The liveness of a peer now. */
  livenessOf(node: string, now: number): Liveness {
    return this.review(now).of.get(node)?.liveness ?? 'Unknown';
  }

  /** When a node was last heard, by this node on any path or by a peer that reported it. */
  lastHeard(node: string, now: number): number {
    return this.review(now).of.get(node)?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** When this node last heard a node, on any path. */
  lastHeardByUs(node: string): number {
    return this.#peers.get(node)?.heardAt ?? Number.NEGATIVE_INFINITY;
  }

  /** Called after a sleep of this node: heartbeats from before no longer count. */
  forgetHeartbeats(): void {
    for (const peer of this.#peers.values()) {
      peer.heartbeat = undefined;
      peer.heardAt = Number.NEGATIVE_INFINITY;
      peer.confirmedAliveAt = Number.NEGATIVE_INFINITY;
      for (const path of peer.paths.values()) path.at = Number.NEGATIVE_INFINITY;
    }
    this.#received++;
  }

  /** Was it heard on this path within the time in which a live peer is heard? */
  isHeardOn(node: string, path: string, now: number): boolean {
    return now - (this.#peers.get(node)?.paths.get(path)?.at ?? Number.NEGATIVE_INFINITY) < times.dead;
  }

  /** Does this node know all its claims? */
  isComplete({ node, heartbeat, digest }: Peer): boolean {
    const known = this.claims.digestOf(node);
    return heartbeat !== undefined && digest.claims.count === known.count && digest.claims.sum === known.sum;
  }

  /**
   * Is this node heard by no live peer, although it has heard some for a while? Each node is heard every 100 ms by some
   * peers, which report that in their next heartbeat: in a large cluster that may be seconds later.
   */
  isUnheard(now: number): boolean {
    if (now - this.#heardAt < times.alarm) return false;
    const { of } = this.review(now);
    const living = [...this.#peers.values()].filter(({ node }) => of.get(node)?.liveness === 'Alive');
    const longest = Math.max(times.slowHeartbeat, ...living.map(({ heartbeat }) => heartbeat?.nextMs ?? 0));
    const unheardMs = (times.alarm * longest) / times.slowHeartbeat;
    return (
      living.length > 0 &&
      now - this.#heardAt >= unheardMs &&
      living.every(({ aliveSince }) => now - aliveSince >= unheardMs)
    );
  }

  /**
   * Does this node hear no peer? This is known before any peer counts as dead, since such a death proves nothing then.
   */
  isIsolated(now: number): boolean {
    for (const { heardAt } of this.#peers.values()) if (now - heardAt < times.suspect) return false;
    return true;
  }
}

/** How many ended incarnations of a peer are remembered, so that their datagrams are never accepted again. */
const mostEnded = 64;
