/** Decides what this node announces, and for every other VIP the one reason why it is silent. */
import type { Ip } from '../addr/ip.ts';
import { coversNode } from '../api/advertisement.ts';
import type { HolderAction, HolderDecision } from '../election/view.ts';
import { Memo } from '../memo/memo.ts';
import type { DesiredVip, DesiredVips, Unwanted } from './desired-vips.ts';
import { isEdge, type LinkView } from './links.ts';
import type { ProxySyncState } from './proxy-sync-gate.ts';
import type { AddressOwner, ConflictState, HeldVip } from './watched-vip.ts';

/**
 * Why a node is silent about a VIP:
 * - `NotInStatus`: no Service of the entry has the address in its status (yet), so kube-proxy would not handle its
 *   traffic;
 * - `NoAdvertisement`: no L2Advertisement covers the pool;
 * - `NoCandidate`: no node may announce it;
 * - `NoLocalEndpoints`: no node that may announce it has an endpoint (`externalTrafficPolicy: Local`);
 * - `NotHolder`: another node announces it;
 * - `AwaitingClaim`: another node should announce it, and has not claimed it yet;
 * - `Listening`: this speaker has just started or woken up, and listens to its peers first;
 * - `HolderStillAnswers`: the holder is silent to all speakers, but answers on the wire, so it keeps the VIP;
 * - `LivenessBlocked`: the holder was never heard, although its node runs a speaker (a firewall on the liveness port?);
 * - `ConfirmingHolderDown`: no holder is known to be alive, and this node probes the VIP before it takes it over;
 * - `NoUsableLink`: this node should announce it, but has no link for it;
 * - `NetworkAddress`: it is the network or the broadcast address of this node's link, or the subnet-router anycast
 *   address of IPv6;
 * - `ProbingFirst`: it was never announced, and this node first probes whether another host has it;
 * - `DataPathPending`: it was never announced, and kube-proxy on this node has not written its rules since the VIP is
 *   there; for at most two seconds;
 * - `NoNodeAddress`: with hand-off `NodePort` no address of this node is of its family, so nothing could serve it;
 * - `AddressTaken`: another host has it;
 * - `AnnouncedByOtherProgram`: another program on a node of the cluster has it.
 */
export const silenceReasons = [
  'NotInStatus',
  'NoAdvertisement',
  'NoCandidate',
  'NoLocalEndpoints',
  'NotHolder',
  'AwaitingClaim',
  'Listening',
  'HolderStillAnswers',
  'LivenessBlocked',
  'ConfirmingHolderDown',
  'NoUsableLink',
  'NetworkAddress',
  'ProbingFirst',
  'DataPathPending',
  'NoNodeAddress',
  'AddressTaken',
  'AnnouncedByOtherProgram',
] as const;

/** One of {@link silenceReasons}. */
export type SilenceReason = (typeof silenceReasons)[number];

/** What this node does with one VIP. */
export type Placement = { readonly vip: Ip; readonly uid: string; readonly holder: string | undefined } & (
  | { readonly kind: 'Announce'; readonly term: number; readonly links: readonly string[]; readonly damped: boolean }
  /** Holds it, and does not announce it: another host may use it, or kube-proxy may not serve it yet. */
  | {
      readonly kind: 'Withhold';
      readonly term: number;
      readonly links: readonly string[];
      readonly reason: SilenceReason;
    }
  /** Answers for a restarting node, with that node's hardware address. */
  | { readonly kind: 'StandIn'; readonly links: readonly string[] }
  | { readonly kind: 'Silent'; readonly reason: SilenceReason }
);

/** The facts of this node on which the placements depend. */
interface Here {
  readonly self: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly LinkView[];
}

/**
 * Computes placements repeatedly. One that has not changed is the same object as before, so that no caller has to
 * compare it.
 */
export class Placer {
  readonly #placed = new Memo<DesiredVip, Placement>();
  readonly #unplaced = new Memo<Unwanted, Placement>();

  /** The placement of every address of the ledger. */
  place(desiredVips: DesiredVips, decisions: readonly HolderDecision[], here: Here): readonly Placement[] {
    const byUid = new Map(decisions.map((decision) => [decision.vip.uid, decision]));
    const key = JSON.stringify(here);
    const placements: Placement[] = [];
    for (const unwanted of desiredVips.unwanted) placements.push(this.#unwanted(unwanted));
    for (const desiredVip of desiredVips.vips) {
      const decision = byUid.get(desiredVip.uid);
      placements.push(this.#placed.of(desiredVip, [decision, key], () => place(desiredVip, decision, here)));
    }
    return placements;
  }

  #unwanted(unwanted: Unwanted): Placement {
    const { address: vip, uid, reason } = unwanted;
    return this.#unplaced.of(unwanted, [], () => ({ kind: 'Silent', vip, uid, holder: undefined, reason }));
  }
}

/**
 * The VIPs that this node holds, and whether it must probe each before its announcement. `ownerOf` is the link of this
 * node that has an address itself. Clients may use it as the node's own, so it is not announced for the first time.
 */
export function heldOf(
  placements: readonly Placement[],
  { vips }: DesiredVips,
  ownerOf: (address: Ip) => AddressOwner | undefined,
): readonly HeldVip[] {
  const desiredVipOf = new Map(vips.map((desiredVip) => [desiredVip.uid, desiredVip]));
  return placements.flatMap((placement): HeldVip[] => {
    if (placement.kind !== 'Announce') return [];
    const { uid, vip: address, term, links } = placement;
    const desiredVip = desiredVipOf.get(uid);
    // With a higher term another node has announced the VIP before, even if it could not record that: no probes then.
    const isFirst = desiredVip !== undefined && !desiredVip.wasAnnounced && (term === 1 || desiredVip.wasTaken);
    const isAdopted = desiredVip?.isAdopted === true && (term === 1 || desiredVip.wasTaken);
    const owner = isFirst && !isAdopted ? ownerOf(address) : undefined;
    return [{ uid, address, isFirst, isAdopted, links, owner }];
  });
}

/** Withholds VIPs that another host uses, that are still probed, or that kube-proxy does not serve yet. */
export function withheld(
  placements: readonly Placement[],
  stateOf: (uid: string) => ConflictState,
  readinessOf: (uid: string) => ProxySyncState,
): readonly Placement[] {
  return placements.map((placement) => {
    if (placement.kind !== 'Announce') return placement;
    const state = stateOf(placement.uid);
    const isPending = readinessOf(placement.uid) === 'Pending';
    if (state.kind === 'Clear' && !isPending) return placement;
    const reason = reasonToWithhold(state) ?? (isPending ? 'DataPathPending' : undefined);
    const { vip, uid, holder, term, links } = placement;
    return reason === undefined ? placement : { kind: 'Withhold', vip, uid, holder, term, links, reason };
  });
}

/** Withholds VIPs that this node could not serve. */
export function withheldUnserved(
  placements: readonly Placement[],
  canServe: (vip: Ip) => boolean,
): readonly Placement[] {
  return placements.map((placement) => {
    if (placement.kind !== 'Announce' || canServe(placement.vip)) return placement;
    const { vip, uid, holder, term, links } = placement;
    return { kind: 'Withhold', vip, uid, holder, term, links, reason: 'NoNodeAddress' };
  });
}

function reasonToWithhold({ kind }: ConflictState): SilenceReason | undefined {
  if (kind === 'Probing') return 'ProbingFirst';
  if (kind === 'Taken') return 'AddressTaken';
  return kind === 'OtherProgram' ? 'AnnouncedByOtherProgram' : undefined;
}

function place(desiredVip: DesiredVip, decision: HolderDecision | undefined, here: Here): Placement {
  const { address: vip, uid, advertisements } = desiredVip;
  // The VIP did not exist yet at the time of the decisions.
  if (decision === undefined) return { kind: 'Silent', vip, uid, holder: undefined, reason: 'AwaitingClaim' };
  const { holder, term, action, damped } = decision;
  const links = desiredVip.linksOf(here.self) ?? [];
  const isSelected = advertisements.some((advertisement) => coversNode(advertisement, here.labels));
  if (action.kind === 'Hold' && links.length > 0) return { kind: 'Announce', vip, uid, holder, term, links, damped };
  if (action.kind === 'StandIn' && links.length > 0) return { kind: 'StandIn', vip, uid, holder, links };
  return {
    kind: 'Silent',
    vip,
    uid,
    holder,
    reason: reasonOf(action, isSelected && links.length === 0, { vip, here }),
  };
}

function reasonOf(
  action: HolderAction,
  lacksLink: boolean,
  { vip, here }: { readonly vip: Ip; readonly here: Here },
): SilenceReason {
  if (action.kind === 'StandIn') return 'NotHolder';
  if (action.kind === 'Silent' && !(action.reason === 'NoCandidate' && lacksLink)) return action.reason;
  return here.links.some((link) => isEdge(vip, link)) ? 'NetworkAddress' : 'NoUsableLink';
}
