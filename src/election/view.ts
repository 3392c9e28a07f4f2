/** The input and the output of the decision on holders. */
import type { Ip } from '../addr/ip.ts';
import type { RendezvousRanking } from '../hash/rendezvous.ts';
import type { Liveness } from '../liveness/failure-detector.ts';
import type { Claim } from '../liveness/messages.ts';

/** A VIP and its facts from the cluster's objects. Whenever a fact changes, it is another object. */
export interface Vip {
  /** The IPAllocation's uid. */
  readonly uid: string;
  readonly address: Ip;
  /**
   * Nodes that may announce it: selected by an advertisement, not excluded, and with an endpoint if the Service
   * requires one.
   */
  readonly eligible: ReadonlySet<string>;
  /** Does a node have a link for it, as far as is known? */
  readonly serves: (node: string) => boolean;
  /** The links on which a node would announce it; undefined: the node has not reported its links. */
  readonly linksOf: (node: string) => readonly string[] | undefined;
  /** The node to which an administrator wants to move it. */
  readonly moveTo?: string | undefined;
  /** The holder on record in the API server: a copy, which counts only if nothing is heard. */
  readonly recorded:
    | {
        readonly node: string;
        readonly term: number;
        /** The links on which the node announced it. */
        readonly links?: readonly { readonly mac: string }[] | undefined;
      }
    | undefined;
}

/** A node as a candidate. */
export interface Candidate {
  readonly liveness: Liveness | 'Self';
  /** May be given new VIPs: it serves, its loops turn, and it is not draining. */
  readonly gains: boolean;
  /** It is listening at the moment, and may be given VIPs after that. */
  readonly gainsSoon: boolean;
  /** It must give its VIPs away: an administrator drains it, or its speaker does. */
  readonly draining: boolean;
  /** When its present incarnation was first heard. */
  readonly backAt: number;
  /** This node itself: no live peer hears it, although it hears some. None would learn of its claims. */
  readonly unheard?: boolean;
  /** A host with its hardware address answered on the wire lately, or its record shows that it lives. */
  readonly answersOnWire: boolean;
  /** No host has answered repeated probes for its VIPs. */
  readonly silentOnWire: boolean;
}

/** All facts on which the decision depends. */
export interface HolderView {
  readonly self: string;
  readonly now: number;
  readonly ranking: RendezvousRanking;
  /** The VIPs to decide. */
  readonly vips: readonly Vip[];
  /** The number of all VIPs, and how many of those that are not in `vips` each node holds. */
  readonly total: number;
  readonly loads: () => ReadonlyMap<string, number>;
  /** The nodes that run a speaker, this one included. */
  readonly nodes: ReadonlyMap<string, Candidate>;
  /** The nodes that may be given VIPs: now, or now and in a moment. */
  readonly gaining: { readonly now: readonly string[]; readonly soon: readonly string[] };
  /** The claims to a VIP, by node; this node's claim included. */
  readonly claimsTo: (uid: string) => ReadonlyMap<string, Claim>;
  /** The node that claimed it before a restart, and may claim it again. */
  readonly formerOf: (uid: string) => { readonly node: string; readonly term: number } | undefined;
  /** The highest term of a VIP so far; 0 if no node has held it yet. */
  readonly termOf: (uid: string) => number;
  /** This node has just started or woken up: it listens to its peers, and answers for no VIP. */
  readonly listening: boolean;
  /** This node hears no other speaker, although there are some. */
  readonly isolated: boolean;
  /** This node hears at most half of the nodes, itself included: another part of the cluster may decide without it. */
  readonly minority: boolean;
  /** All claims of all live peers are known. */
  readonly complete: boolean;
  /** Did a host answer probes for this VIP, or did none answer repeated probes? */
  readonly wire: (uid: string) => 'Answered' | 'Unanswered' | undefined;
  /** Since when each VIP waits for a holder, or for the successor of a holder that should give it away. */
  readonly waiting: ReadonlyMap<string, number>;
  /** Has the VIP moved so often lately that it stays while its holder is alive? */
  readonly damped: (uid: string) => boolean;
}

/** Why this node does not answer for a VIP. */
export type HolderReason =
  | 'NotHolder'
  | 'NoCandidate'
  | 'Listening'
  | 'HolderStillAnswers'
  | 'LivenessBlocked'
  | 'ConfirmingHolderDown'
  | 'AwaitingClaim';

/** What this node does with a VIP. */
export type HolderAction =
  | { readonly kind: 'Hold' }
  /** Answers for a restarting peer, with the peer's hardware address. */
  | { readonly kind: 'StandIn'; readonly node: string }
  | { readonly kind: 'Silent'; readonly reason: HolderReason };

/** The outcome for one VIP. */
export interface HolderDecision {
  readonly vip: Vip;
  /** The node that holds it, or should take it. */
  readonly holder: string | undefined;
  readonly term: number;
  readonly action: HolderAction;
  /** This node's claim after the decision; undefined: none. */
  readonly claim: Claim | undefined;
  /** It waits for a claim of some node. */
  readonly waits: boolean;
  /** A probe for it is needed; `node` should answer if it is alive. `isRare`: a few seconds between two probes suffice. */
  readonly probe: { readonly node: string | undefined; readonly isRare?: boolean } | undefined;
  /** It should move, but has moved too often lately (`MoveDamped`). */
  readonly damped: boolean;
}

/** The nodes that may be given VIPs, now and soon. */
export function gainingOf(nodes: ReadonlyMap<string, Candidate>): HolderView['gaining'] {
  const all = [...nodes];
  return {
    now: all.filter(([, { gains }]) => gains).map(([node]) => node),
    soon: all.filter(([, { gains, gainsSoon }]) => gains || gainsSoon).map(([node]) => node),
  };
}

/** Is a node that sees these nodes so in a part of the cluster that is no majority? */
export function isMinority(nodes: ReadonlyMap<string, Candidate>): boolean {
  const present = [...nodes.values()].filter(({ liveness }) => liveness !== 'Dead' && liveness !== 'Unknown');
  return 2 * present.length <= nodes.size;
}

/** A decision to answer nothing. */
export function silence(
  vip: Vip,
  reason: HolderReason,
  facts: Pick<HolderDecision, 'holder' | 'term'> & Partial<HolderDecision>,
): HolderDecision {
  const action = { kind: 'Silent', reason } as const;
  return { vip, action, claim: undefined, waits: false, probe: undefined, damped: false, ...facts };
}
