/** The messages between speakers: heartbeats ten times a second, claims when they change, and results of probes. */

/** The version of the datagram format. A speaker drops datagrams of another version. */
export const wireVersion = 1;

/** Bytes of the signature before each message. */
export const signatureBytes = 32;

/**
 * The version of the rules that choose holders. Heartbeats carry it; nothing depends on it while there is only one
 * version.
 */
export const ruleVersion = 1;

/**
 * One run of a speaker. A random number drawn at its start distinguishes it from earlier runs on the same node. A clock
 * could not, since clocks jump. A datagram that names the receiver's incarnation was sent by a speaker that has heard
 * the receiver since its start. So the incarnation is also the challenge against replayed datagrams.
 */
export interface Incarnation {
  readonly node: string;
  /** 16 hexadecimal digits; empty if it is not known yet. */
  readonly incarnation: string;
}

/** The receiver of a datagram. */
export interface Addressee extends Incarnation {
  /**
   * The newest incarnation of the receiver that the sender has heard of. It differs from the incarnation that proved
   * itself if the receiver was restarted, or if another host replays datagrams of an old incarnation.
   */
  readonly newest: string;
}

/**
 * `Listening`: the speaker started or woke up a moment ago, and answers for no VIP yet. `Restarting`: it will be back
 * in a moment, and no VIP should move. `Draining`: all its VIPs should move.
 */
export type SpeakerState = 'Listening' | 'Serving' | 'Restarting' | 'Draining';

/** A link that a speaker could announce on. */
export interface PeerLink {
  readonly name: string;
  readonly mac: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
  /**
   * Nodes whose packets with foreign source addresses do not arrive on this link, although they send them; absent if
   * all arrive.
   */
  readonly blocked?: readonly string[];
  /** The sender hears no peer on this link at the moment, and none answers its probes there. Otherwise absent. */
  readonly quiet?: boolean;
}

/** One part of a list with this number. */
export interface Part {
  readonly list: number;
  /** From 0. */
  readonly part: number;
  readonly parts: number;
}

/** A sum over claims that differs between two lists of claims. */
export interface ClaimsDigest {
  readonly count: number;
  readonly sum: number;
}

/** A node that the sender of a heartbeat hears. */
export type HeardNode = readonly [node: string, ageMs: number, state?: 'Restarting'];

/**
 * A periodic message to a peer: every 100 ms to the peers that watch the sender, every second or less often to other
 * peers.
 */
export interface Heartbeat {
  readonly kind: 'Heartbeat';
  readonly from: Incarnation;
  readonly to: Addressee;
  /** Rises with every datagram of an incarnation. */
  readonly sequence: number;
  readonly rules: number;
  readonly state: SpeakerState;
  /** The receiver gets the next heartbeat after this many milliseconds at the latest. */
  readonly nextMs: number;
  /** Milliseconds since the last turn of the main loop, and of the packet worker. */
  readonly ages: { readonly loop: number; readonly worker: number };
  /** The links of the sender, or a part of them. */
  readonly links: readonly PeerLink[];
  /** Absent: `links` are all links. A sender with many links tells them in parts; the number of the list rises with every change. */
  readonly linksPart?: Part;
  /**
   * The nodes that send a heartbeat to the sender every 100 ms, and how many milliseconds ago it heard each of them.
   * `Restarting`: the node said then that it restarts. Speakers up to version 0.2.0 do not send this word.
   */
  readonly heard: readonly HeardNode[];
  /** The digest of all claims of the sender. */
  readonly total: ClaimsDigest;
  /** The sender's copy of the receiver's claims does not match their digest: the receiver must send all of them. */
  readonly wantsClaims: boolean;
}

/** A node holds, or wants to hold, a VIP. */
export interface Claim {
  /** The IPAllocation's uid: an address that gets another owner is another VIP. */
  readonly uid: string;
  /** Rises with every change of holder. */
  readonly term: number;
  /** Made by a node that heard no other node: it yields to any claim that was not. */
  readonly isolated: boolean;
  /** The node holds the VIP, but wants another node to take it over. */
  readonly leaving: boolean;
  /** The node that should take it over, if it can. */
  readonly leavingTo?: string | undefined;
}

/** Changes of a speaker's claims, or one part of its whole list. */
export interface ClaimDelta {
  readonly kind: 'Claims';
  readonly from: Incarnation;
  readonly to: Addressee;
  readonly sequence: number;
  /** The digest of all claims of the sender, with these changes. */
  readonly total: ClaimsDigest;
  readonly claims: readonly Claim[];
  readonly dropped: readonly string[];
  /**
   * undefined: changes only. Otherwise one part of the whole list with this number. The number rises with every change.
   */
  readonly fullSync: Part | undefined;
}

/**
 * The result of a node's probes for a VIP that another node holds:
 * - `Verified`: the holder answered for it, and so did a port of its data path: `detail` is the port;
 * - `NotAnswered`: no host answered for it;
 * - `AnsweredByOther`: another host answered for it: `detail` is the hardware address;
 * - `NoDataPath`: the holder answered for it, but the port did not: `detail` is the port;
 * - `NotProbed`: the holder answered for it, and there is no port to probe: `detail` is `NoTcpPort` or `SourceRanges`;
 * - `NoEndpoints`: the holder answered for it, and no endpoint serves.
 */
export const probeOutcomes = [
  'Verified',
  'NotAnswered',
  'AnsweredByOther',
  'NoDataPath',
  'NotProbed',
  'NoEndpoints',
] as const;

/** One of {@link probeOutcomes}. */
export type ProbeOutcome = (typeof probeOutcomes)[number];

/** The result for one VIP, under one holder. */
export interface ProbeResult {
  /** The IPAllocation's uid. */
  readonly uid: string;
  /** The term of the holder that was probed. */
  readonly term: number;
  readonly outcome: ProbeOutcome;
  /** At most 64 characters: letters, digits, `_` and `.:/-`. */
  readonly detail: string;
}

/** One datagram carries at most this many results. */
export const mostResults = 32;

/**
 * Results for VIPs that the receiver holds. Speakers that do not know this kind of message ignore it. If one is lost,
 * the next round sends it again.
 */
export interface ProbeReport {
  readonly kind: 'ProbeReport';
  readonly from: Incarnation;
  readonly to: Addressee;
  readonly sequence: number;
  /** The digest of all claims of the sender. */
  readonly total: ClaimsDigest;
  /** The sender probes each of its VIPs again after this many milliseconds. */
  readonly roundMs: number;
  readonly results: readonly ProbeResult[];
}

/** A datagram. */
export type Message = Heartbeat | ClaimDelta | ProbeReport;

/** Times of the protocol in milliseconds. */
export const times = {
  heartbeat: 100,
  /** A peer that is silent for this long is probed on the wire. */
  suspect: 250,
  /** A peer that is silent for this long, on all paths and to all peers, is dead. */
  dead: 400,
  /** For this long a suspicion is sent to all peers. */
  alarm: 1_500,
  /**
   * In a large cluster a peer that is not heard gets a heartbeat this often, or less often if very many are silent: so
   * both know each other soon after a partition.
   */
  call: 250,
  /**
   * The interval of heartbeats to peers that do not watch this node. Longer in a cluster of more than 100 other nodes.
   */
  slowHeartbeat: 1_000,
  /** A speaker that starts or wakes up listens for at most this long before it answers for a VIP. */
  listen: 500,
  /**
   * If the main loop or the packet worker stood still for `slow`, the node gets no new VIPs; for `stuck`, it counts as
   * dead.
   */
  slow: 1_000,
  stuck: 5_000,
  /** Peers wait this long for a peer in state `Restarting`. */
  restart: 3_000,
  /** Peers wait this long for a holder that should give a VIP away and does not announce it. */
  handOver: 5_000,
  /** Within this time a peer that came back must claim again what it held. */
  reclaim: 1_500,
  /** For this long a peer whose claims are incomplete keeps other nodes from taking VIPs without a claim. */
  incomplete: 1_000,
  /** The VIP of a peer that was never heard is taken over if no host has answered for it for this long. */
  wireSilence: 1_000,
} as const;

/** The digest of no claims. */
export const noClaims: ClaimsDigest = { count: 0, sum: 0 };

/** The digest of some claims, in any order. */
export function digestOf(claims: Iterable<Claim>): ClaimsDigest {
  let digest = noClaims;
  for (const claim of claims) digest = withClaim(digest, claim);
  return digest;
}

/** The digest with one more claim. */
export function withClaim({ count, sum }: ClaimsDigest, claim: Claim): ClaimsDigest {
  return { count: count + 1, sum: (sum + hashOf(claim)) % sumRange };
}

/** The digest without one of its claims. */
export function withoutClaim({ count, sum }: ClaimsDigest, claim: Claim): ClaimsDigest {
  return { count: count - 1, sum: (sum - hashOf(claim) + sumRange) % sumRange };
}

/** Are two claims of one node to one VIP equal? */
export function isSameClaim(a: Claim, b: Claim | undefined): boolean {
  if (b === undefined || a.term !== b.term || a.isolated !== b.isolated) return false;
  return a.leaving === b.leaving && a.leavingTo === b.leavingTo;
}

const sumRange = 2 ** 48;

/** A 48-bit hash of a claim. */
function hashOf({ uid, term, isolated, leaving, leavingTo = '' }: Claim): number {
  let high = 0x9e3779b1 ^ term;
  let low = 0x27d4eb2f ^ (isolated ? 0x85ebca77 : 0) ^ (leaving ? 0xc2b2ae3d : 0);
  const text = uid + leavingTo;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit ^ (high >>> 16), 0x5f356495);
  }
  return (high >>> 16) * 2 ** 32 + (low >>> 0);
}
