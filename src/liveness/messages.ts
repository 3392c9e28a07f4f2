/** What speakers tell each other: a beat ten times a second, and their claims when those change. */

/** The format of the datagrams. A speaker drops those of another format. */
export const wireVersion = 1;

/** The rules by which holders are chosen. Heartbeats carry the version; nothing depends on it while there is one version only. */
export const ruleVersion = 1;

/**
 * One run of a speaker. A number drawn at its start tells it from earlier runs on the same node; no clock does, since clocks jump.
 * Whoever names the other's incarnation has heard that other one now: so it serves as the challenge against replayed datagrams too.
 */
export interface Incarnation {
  readonly node: string;
  /** 16 hexadecimal digits; empty where it is not known yet. */
  readonly incarnation: string;
}

/** Whom a datagram is for. */
export interface Addressee extends Incarnation {
  /**
   * The newest incarnation that the sender has heard of. It differs from the one that proved itself where the receiver was restarted,
   * or where somebody replays what an old incarnation said.
   */
  readonly newest: string;
}

/**
 * `Listening`: it started or woke up a moment ago, and answers for nothing yet. `Restarting`: back in a moment, nothing is to move.
 * `Draining`: everything is to move.
 */
export type SpeakerState = 'Listening' | 'Serving' | 'Restarting' | 'Draining';

/** A link that a speaker could announce on. */
export interface PeerLink {
  readonly name: string;
  readonly mac: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
  /** Nodes whose packets in the name of others do not arrive here, although they send them; absent where all do. */
  readonly blocked?: readonly string[];
}

/** A sum over claims that tells two lists apart. */
export interface ClaimsDigest {
  readonly count: number;
  readonly sum: number;
}

/** What a speaker says to a peer again and again: every 100 ms to those that watch it, now and then to the others. */
export interface Heartbeat {
  readonly kind: 'Heartbeat';
  readonly from: Incarnation;
  readonly to: Addressee;
  /** Rises with every datagram of an incarnation. */
  readonly sequence: number;
  readonly rules: number;
  readonly state: SpeakerState;
  /** After how many milliseconds the receiver gets the next beat, at the latest. */
  readonly nextMs: number;
  /** Milliseconds since the main loop and the packet worker last turned. */
  readonly ages: { readonly loop: number; readonly worker: number };
  readonly links: readonly PeerLink[];
  /** How long ago, in milliseconds, each of the nodes that beat to the sender every 100 ms was heard. */
  readonly heard: readonly (readonly [node: string, ageMs: number])[];
  /** All claims of the sender. */
  readonly total: ClaimsDigest;
  /** The receiver's claims, as known here, do not have the digest that it tells: it is to send them all. */
  readonly wantsClaims: boolean;
}

/** A node holds, or wants to hold, a VIP. */
export interface Claim {
  /** The IPAllocation's uid: an address that got another owner is another VIP. */
  readonly uid: string;
  /** Rises with every change of holder. */
  readonly term: number;
  /** Made by a node that heard no other one: it gives way to any claim that was not. */
  readonly isolated: boolean;
  /** The node holds it, but wants another one to take it. */
  readonly leaving: boolean;
  /** It is leaving, and this node is to have it, if it can. */
  readonly leavingTo?: string | undefined;
}

/** Changes of a speaker's claims, or a part of all of them. */
export interface ClaimDelta {
  readonly kind: 'Claims';
  readonly from: Incarnation;
  readonly to: Addressee;
  readonly sequence: number;
  /** All claims of the sender, with these changes. */
  readonly total: ClaimsDigest;
  readonly claims: readonly Claim[];
  readonly dropped: readonly string[];
  /** undefined: changes. Otherwise one of the parts of the whole list of this number, which rises with every change. */
  readonly fullSync: { readonly list: number; readonly part: number; readonly parts: number } | undefined;
}

/**
 * What a node found out about a VIP that another one holds:
 * - `Verified` the holder answered for it, and its data path did: `detail` is the port;
 * - `NotAnswered` nobody answered for it; `AnsweredByOther` somebody else did: `detail` is the hardware address;
 * - `NoDataPath` the holder answered for it, but nothing came back from a port: `detail` is the port;
 * - `NotProbed` the holder answered for it, and there is nothing to knock at: `detail` is `NoTcpPort` or `SourceRanges`;
 * - `NoEndpoints` the holder answered for it, and no endpoint serves.
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

/** What was found out about one VIP, under one holder. */
export interface ProbeResult {
  /** The IPAllocation's uid. */
  readonly uid: string;
  /** The term of the holder that was found. */
  readonly term: number;
  readonly outcome: ProbeOutcome;
  /** Letters, digits and `.:/-`, 64 at most. */
  readonly detail: string;
}

/** So many results are in one datagram at most. */
export const mostResults = 32;

/** VerificationResults on VIPs of the receiver. Speakers of before this kind of message leave it unread; one that is lost comes again with the next round. */
export interface ProbeReport {
  readonly kind: 'ProbeReport';
  readonly from: Incarnation;
  readonly to: Addressee;
  readonly sequence: number;
  /** All claims of the sender. */
  readonly total: ClaimsDigest;
  /** After how many milliseconds the sender comes to each of its VIPs again. */
  readonly roundMs: number;
  readonly results: readonly ProbeResult[];
}

/** A datagram. */
export type Message = Heartbeat | ClaimDelta | ProbeReport;

/** Times of the protocol in milliseconds. */
export const times = {
  heartbeat: 100,
  /** Silent for so long, a peer is looked for on the wire. */
  suspect: 250,
  /** Silent for so long on all paths and to all, a peer is dead. */
  dead: 400,
  /** How long a suspicion is told to everybody. */
  alarm: 1_500,
  /** A peer that is not heard, or never was, is spoken to so often, so that it is known again soon after a partition. */
  call: 250,
  /** How often those are spoken to at least that do not watch this node. */
  slowHeartbeat: 1_000,
  /** How long a speaker that starts or wakes listens at most before it answers for anything. */
  listen: 500,
  /** A main loop or packet worker that stood still for so long gets nothing new; for `stuck`, it is dead. */
  slow: 1_000,
  stuck: 5_000,
  /** How long a peer that said `Restarting` is waited for. */
  restart: 3_000,
  /** How long others wait for a holder that should go and does not say so. */
  handOver: 5_000,
  /** How long a peer that came back has to claim again what it held. */
  reclaim: 1_500,
  /** How long a peer whose claims are not all known keeps others from what nobody claims. */
  incomplete: 1_000,
  /** How long nobody must have answered on the wire before the VIP of a peer that was never heard is taken. */
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

/** The digest with one claim less. */
export function withoutClaim({ count, sum }: ClaimsDigest, claim: Claim): ClaimsDigest {
  return { count: count - 1, sum: (sum - hashOf(claim) + sumRange) % sumRange };
}

/** Do two claims of one node to one VIP say the same? */
export function isSameClaim(a: Claim, b: Claim | undefined): boolean {
  if (b === undefined || a.term !== b.term || a.isolated !== b.isolated) return false;
  return a.leaving === b.leaving && a.leavingTo === b.leavingTo;
}

const sumRange = 2 ** 48;

/** 48 bits of a claim. */
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
