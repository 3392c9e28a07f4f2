/** What speakers tell each other: a beat ten times a second, and their claims when those change. */

/** The format of the datagrams. A speaker understands its own and the one before. */
export const wireVersion = 1;

/** The rules by which holders are chosen. All speakers use the lowest that they hear. */
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

/** `Restarting`: back in a moment, nothing is to move. `Draining`: everything is to move. */
export type SpeakerState = 'Serving' | 'Restarting' | 'Draining';

/** A link that a speaker could announce on. */
export interface PeerLink {
  readonly name: string;
  readonly mac: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
}

/** A sum over claims that tells two lists apart. */
export interface ClaimsDigest {
  readonly count: number;
  readonly sum: number;
}

/** What a speaker says every 100 ms to each peer. */
export interface Beat {
  readonly kind: 'Beat';
  readonly from: Incarnation;
  readonly to: Incarnation;
  /** Rises with every datagram of an incarnation. */
  readonly sequence: number;
  readonly rules: number;
  readonly state: SpeakerState;
  /** Milliseconds since the main loop and the packet worker last turned. */
  readonly ages: { readonly loop: number; readonly worker: number };
  readonly links: readonly PeerLink[];
  /** How long ago, in milliseconds, each of these nodes was heard. */
  readonly heard: readonly (readonly [node: string, ageMs: number])[];
  readonly claims: ClaimsDigest;
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
}

/** Changes of a speaker's claims, or a part of all of them. */
export interface ClaimsNews {
  readonly kind: 'Claims';
  readonly from: Incarnation;
  readonly to: Incarnation;
  readonly sequence: number;
  readonly claims: readonly Claim[];
  readonly dropped: readonly string[];
  /** undefined: changes. Otherwise one of the parts of the whole list of this number. */
  readonly whole: { readonly list: number; readonly part: number; readonly parts: number } | undefined;
}

/** A datagram. */
export type Message = Beat | ClaimsNews;

/** Times of the protocol in milliseconds. */
export const times = {
  beat: 100,
  /** Silent for so long, a peer is looked for on the wire. */
  suspect: 250,
  /** Silent for so long on all paths and to all, a peer is dead. */
  dead: 400,
  /** How long a speaker that starts or wakes listens at most before it answers for anything. */
  listen: 500,
  /** A main loop or packet worker that stood still for so long gets nothing new; for `stuck`, it is dead. */
  slow: 1_000,
  stuck: 5_000,
  /** How long a peer that said `Restarting` is waited for. */
  restart: 3_000,
  /** How long a holder that should go waits for its successor. */
  handOver: 5_000,
  /** How long a peer that came back has to claim again what it held. */
  reclaim: 1_500,
  /** How long nobody must have answered on the wire before the VIP of a peer that was never heard is taken. */
  wireSilence: 1_000,
} as const;

/** The digest of some claims, in any order. */
export function digestOf(claims: Iterable<Claim>): ClaimsDigest {
  let count = 0;
  let sum = 0;
  for (const claim of claims) {
    count++;
    sum = (sum + hashOf(claim)) % 2 ** 48;
  }
  return { count, sum };
}

/** 48 bits of a claim. */
function hashOf({ uid, term, isolated }: Claim): number {
  let high = 0x9e3779b1 ^ term;
  let low = isolated ? 0x85ebca77 : 0x27d4eb2f;
  for (let i = 0; i < uid.length; i++) {
    const unit = uid.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit ^ (high >>> 16), 0x5f356495);
  }
  return (high >>> 16) * 2 ** 32 + (low >>> 0);
}
