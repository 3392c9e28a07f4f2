/**
 * What a speaker knows of the others. Pure: the time is an argument, in milliseconds on any clock that never goes back.
 *
 * A peer is dead when it has been silent on all paths, to us and to every peer that we hear. One that was never heard is unknown, not
 * dead: a firewall on the port must not make every node take everything.
 */
import {
  type Beat,
  type Claim,
  type ClaimsDigest,
  digestOf,
  type Incarnation,
  type Message,
  times,
} from './messages.ts';

/** What became of a datagram whose signature was right. */
export type Reception =
  | 'Taken'
  /** Not for this incarnation of this node. Its sender learns ours from our next beat. */
  | 'OtherAddressee'
  /** Of an incarnation that has ended, or older than one that was taken on the same path. */
  | 'Replayed';

/** How a peer is. */
export type Liveness = 'Unknown' | 'Alive' | 'Restarting' | 'Dead';

/** One other node's speaker. */
export interface Peer {
  readonly node: string;
  /** The incarnation that proved that it hears us; undefined before. */
  incarnation: string | undefined;
  /** The newest incarnation that we have heard of: what we answer to. */
  greeted: string;
  readonly ended: Set<string>;
  /** By path: the highest sequence and when it came. */
  readonly paths: Map<string, { sequence: number; at: number }>;
  readonly firstHeardAt: number;
  /** When the present incarnation was first heard. */
  backAt: number;
  sequence: number;
  beat: Beat | undefined;
  beatAt: number;
  claims: Map<string, Claim>;
  /** The digest of `claims`. */
  digest: ClaimsDigest;
  /** What the incarnation before claimed: it may claim that again. */
  former: ReadonlyMap<string, Claim>;
  /** The parts of a whole list that came so far. */
  whole: { list: number; parts: Map<number, readonly Claim[]> } | undefined;
}

/** All peers, by name. */
export class Peers {
  readonly self: Incarnation;
  readonly #peers = new Map<string, Peer>();
  /** Counts the changes of anybody's claims. */
  claimsVersion = 0;

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

  /** Nodes that do not exist any more are forgotten. */
  keepOnly(exists: (node: string) => boolean): void {
    for (const node of this.#peers.keys()) {
      if (!exists(node) && this.#peers.delete(node)) this.claimsVersion++;
    }
  }

  /** The incarnation that we address a node by. */
  addressOf(node: string): Incarnation {
    return { node, incarnation: this.#peers.get(node)?.greeted ?? '' };
  }

  /** Takes in a datagram that came on a path. */
  receive(message: Message, path: string, now: number): Reception {
    const { from, to } = message;
    if (from.node === this.self.node || to.node !== this.self.node) return 'OtherAddressee';
    const peer = this.#peers.get(from.node) ?? newPeer(from.node, now);
    if (peer.ended.has(from.incarnation)) return 'Replayed';
    this.#peers.set(from.node, peer);
    if (to.incarnation !== this.self.incarnation) {
      // It does not know us yet. Nothing that it says counts before it proves that it hears us now.
      if (peer.incarnation !== from.incarnation) peer.greeted = from.incarnation;
      return 'OtherAddressee';
    }
    if (peer.incarnation !== from.incarnation) this.#welcome(peer, from.incarnation, now);
    const known = peer.paths.get(path);
    if (known !== undefined && message.sequence <= known.sequence) return 'Replayed';
    peer.paths.set(path, { sequence: message.sequence, at: now });
    // The same beat comes over several paths.
    if (message.sequence <= peer.sequence) return 'Taken';
    peer.sequence = message.sequence;
    if (message.kind === 'Beat') {
      peer.beat = message;
      peer.beatAt = now;
    } else this.#takeClaims(peer, message);
    return 'Taken';
  }

  #welcome(peer: Peer, incarnation: string, now: number): void {
    if (peer.incarnation !== undefined) peer.ended.add(peer.incarnation);
    for (const oldest of peer.ended) if (peer.ended.size > mostEnded) peer.ended.delete(oldest);
    if (peer.claims.size > 0 || peer.beat === undefined) peer.former = peer.claims;
    peer.incarnation = incarnation;
    peer.greeted = incarnation;
    peer.paths.clear();
    peer.sequence = -1;
    peer.backAt = now;
    peer.claims = new Map();
    peer.digest = noClaims;
    peer.whole = undefined;
    peer.beat = undefined;
    this.claimsVersion++;
  }

  #takeClaims(peer: Peer, { claims, dropped, whole }: Message & { readonly kind: 'Claims' }): void {
    if (whole === undefined) {
      for (const claim of claims) peer.claims.set(claim.uid, claim);
      for (const uid of dropped) peer.claims.delete(uid);
    } else {
      if (peer.whole?.list !== whole.list) peer.whole = { list: whole.list, parts: new Map() };
      peer.whole.parts.set(whole.part, claims);
      if (peer.whole.parts.size < whole.parts) return;
      peer.claims = new Map([...peer.whole.parts.values()].flat().map((claim) => [claim.uid, claim]));
      peer.whole = undefined;
    }
    peer.digest = digestOf(peer.claims.values());
    this.claimsVersion++;
  }

  /** When a node was last heard, by us on any path or by a peer that we hear ourselves. */
  lastHeard(node: string, now: number): number {
    let last = this.lastHeardByUs(node);
    for (const witness of this.#peers.values()) {
      if (witness.node === node || witness.beat === undefined || now - this.lastHeardByUs(witness.node) >= times.dead)
        continue;
      const said = witness.beat.heard.find(([name]) => name === node);
      if (said) last = Math.max(last, witness.beatAt - said[1]);
    }
    return last;
  }

  /** When we heard a node last, on any path. */
  lastHeardByUs(node: string): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const { at } of this.#peers.get(node)?.paths.values() ?? []) last = Math.max(last, at);
    return last;
  }

  /** We slept: nothing that was heard before says how anybody is now. */
  forgetBeats(): void {
    for (const peer of this.#peers.values()) {
      peer.beat = undefined;
      for (const path of peer.paths.values()) path.at = Number.NEGATIVE_INFINITY;
    }
  }

  /** How a peer is now. */
  livenessOf(node: string, now: number): Liveness {
    const peer = this.#peers.get(node);
    if (peer?.incarnation === undefined) return 'Unknown';
    const { beat } = peer;
    const silentMs = now - this.lastHeard(node, now);
    if (beat?.state === 'Restarting' && silentMs < times.restart) return 'Restarting';
    if (silentMs >= times.dead) return 'Dead';
    const stuck = beat !== undefined && Math.max(beat.ages.loop, beat.ages.worker) >= times.stuck;
    return stuck ? 'Dead' : 'Alive';
  }

  /** Has it been silent to us for so long that the wire is to be asked? */
  isSuspect(node: string, now: number): boolean {
    return now - this.lastHeardByUs(node) >= times.suspect;
  }

  /** Is it heard on this path? */
  isHeardOn(node: string, path: string, now: number): boolean {
    return now - (this.#peers.get(node)?.paths.get(path)?.at ?? Number.NEGATIVE_INFINITY) < times.dead;
  }

  /** Do we know all its claims? */
  isComplete({ beat, digest }: Peer): boolean {
    return beat !== undefined && beat.claims.count === digest.count && beat.claims.sum === digest.sum;
  }

  /** Does nobody speak to us? */
  isIsolated(now: number): boolean {
    for (const { node } of this.#peers.values()) if (now - this.lastHeardByUs(node) < times.dead) return false;
    return true;
  }
}

const noClaims: ClaimsDigest = { count: 0, sum: 0 };
/** How many ended incarnations are remembered, so that their datagrams are never taken again. */
const mostEnded = 64;

function newPeer(node: string, now: number): Peer {
  return {
    node,
    incarnation: undefined,
    greeted: '',
    ended: new Set(),
    paths: new Map(),
    firstHeardAt: now,
    backAt: now,
    sequence: -1,
    beat: undefined,
    beatAt: Number.NEGATIVE_INFINITY,
    claims: new Map(),
    digest: noClaims,
    former: new Map(),
    whole: undefined,
  };
}
