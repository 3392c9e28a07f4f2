/** What the decision on holders depends on, and what comes out of it. */
import type { Ip } from '../addr/ip.ts';
import type { RendezvousRanking } from '../hash/rendezvous.ts';
import type { Liveness } from '../liveness/failure-detector.ts';
import type { Claim } from '../liveness/messages.ts';

/** A VIP and what the cluster's objects say of it: another object whenever they say something else. */
export interface Vip {
  /** The IPAllocation's uid. */
  readonly uid: string;
  readonly address: Ip;
  /** Nodes that may announce it: selected by an advertisement, not excluded, with an endpoint where that is asked for. */
  readonly eligible: ReadonlySet<string>;
  /** Nodes that have a link for it, as far as is known. */
  readonly serves: (node: string) => boolean;
  /** The node that a person wants it at. */
  readonly moveTo?: string | undefined;
  /** What the API server has on record: a copy, which counts where nothing is heard. */
  readonly recorded: { readonly node: string; readonly term: number } | undefined;
}

/** A node as a candidate. */
export interface Candidate {
  readonly liveness: Liveness | 'Self';
  /** May be given VIPs that it does not hold: it serves, its loops turn, nobody drains it. */
  readonly gains: boolean;
  /** It hears the others out at the moment, and may be given VIPs after that. */
  readonly gainsSoon: boolean;
  /** People, or its own speaker, want it to give its VIPs away. */
  readonly draining: boolean;
  /** When its present incarnation was first heard. */
  readonly backAt: number;
  /** Somebody with its hardware address answered on the wire lately. */
  readonly answersOnWire: boolean;
  /** Nobody has answered on the wire for its VIPs, although asked again and again. */
  readonly silentOnWire: boolean;
}

/** All that the holders depend on. */
export interface HolderView {
  readonly self: string;
  readonly now: number;
  readonly ranking: RendezvousRanking;
  /** The VIPs to decide. */
  readonly vips: readonly Vip[];
  /** How many VIPs there are, and how many of those that are not decided here each node holds. */
  readonly total: number;
  readonly loads: () => ReadonlyMap<string, number>;
  /** The nodes that run a speaker, this one included. */
  readonly nodes: ReadonlyMap<string, Candidate>;
  /** Of them those that may be given VIPs: now, or at the latest in a moment. */
  readonly gaining: { readonly now: readonly string[]; readonly soon: readonly string[] };
  /** The claims to a VIP, by node; this one included. */
  readonly claimsTo: (uid: string) => ReadonlyMap<string, Claim>;
  /** Who claimed it before a restart, and may claim it again. */
  readonly formerOf: (uid: string) => { readonly node: string; readonly term: number } | undefined;
  /** The highest term of a VIP that was ever seen; 0 if nobody held it yet. */
  readonly termOf: (uid: string) => number;
  /** Just started or woken up: it hears the others out before it answers for anything. */
  readonly listening: boolean;
  /** Hears no other speaker although there are some. */
  readonly isolated: boolean;
  /** All claims of all peers that live are known. */
  readonly complete: boolean;
  /** Has somebody answered for this VIP on the wire, or nobody although we asked again and again? */
  readonly wire: (uid: string) => 'Answered' | 'Unanswered' | undefined;
  /** Since when each VIP waits for a holder, or for the successor of one that should go. */
  readonly waiting: ReadonlyMap<string, number>;
  /** Has it moved so often of late that it stays where it is while its holder lives? */
  readonly damped: (uid: string) => boolean;
}

/** Why this node is silent about a VIP. */
export type HolderReason =
  | 'NotHolder'
  | 'NoCandidate'
  | 'Listening'
  | 'HolderStillAnswers'
  | 'LivenessBlocked'
  | 'ConfirmingHolderDown'
  | 'AwaitingClaim';

/** What this node does about a VIP. */
export type HolderAction =
  | { readonly kind: 'Hold' }
  /** Answer for a peer that restarts, with its hardware address. */
  | { readonly kind: 'StandIn'; readonly node: string }
  | { readonly kind: 'Silent'; readonly reason: HolderReason };

/** The outcome for one VIP. */
export interface HolderDecision {
  readonly vip: Vip;
  /** Who holds it, or should. */
  readonly holder: string | undefined;
  readonly term: number;
  readonly action: HolderAction;
  /** What this node claims after this; undefined: nothing. */
  readonly claim: Claim | undefined;
  /** It waits for somebody. */
  readonly waits: boolean;
  /** AllocationRequest the wire for it; `node` is who should answer if it lives. */
  readonly probe: { readonly node: string | undefined } | undefined;
  /** It should move, but has moved too often of late (`MoveDamped`). */
  readonly damped: boolean;
}

/** The nodes that may be given VIPs. */
export function gainingOf(nodes: ReadonlyMap<string, Candidate>): HolderView['gaining'] {
  const all = [...nodes];
  return {
    now: all.filter(([, { gains }]) => gains).map(([node]) => node),
    soon: all.filter(([, { gains, gainsSoon }]) => gains || gainsSoon).map(([node]) => node),
  };
}

/** A decision to do nothing. */
export function silence(
  vip: Vip,
  reason: HolderReason,
  facts: Pick<HolderDecision, 'holder' | 'term'> & Partial<HolderDecision>,
): HolderDecision {
  const action = { kind: 'Silent', reason } as const;
  return { vip, action, claim: undefined, waits: false, probe: undefined, damped: false, ...facts };
}
