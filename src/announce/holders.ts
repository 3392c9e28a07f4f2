/**
 * Who holds each VIP, as one speaker decides it from what it hears: no API call on the way, no lock, no vote.
 *
 * A holder keeps its VIP while it lives and can serve it; nothing ever falls back by itself. Of two claims the stronger one stays: the
 * one made by a node that heard others, then the higher term, then the higher score. So speakers whose views differ for a moment
 * agree as soon as they hear each other.
 */
import type { Ip } from '../addr/ip.ts';
import { type Claim, times } from '../liveness/messages.ts';
import type { Liveness } from '../liveness/peers.ts';
import { rankFor, scoreFor } from './holder.ts';

/** A VIP and what the cluster's objects say of it. */
export interface Vip {
  /** The IPAllocation's uid. */
  readonly uid: string;
  readonly address: Ip;
  /** Nodes that may announce it: selected by an advertisement, not excluded, with an endpoint where that is asked for. */
  readonly eligible: ReadonlySet<string>;
  /** Nodes that have a link for it, as far as is known. */
  readonly serves: (node: string) => boolean;
  /** What the API server has on record: a copy, which counts where nothing is heard. */
  readonly recorded: { readonly node: string; readonly term: number } | undefined;
}

/** A node as a candidate. */
export interface Candidate {
  readonly liveness: Liveness | 'Self';
  /** May be given VIPs that it does not hold: it serves, its loops turn, nobody drains it. */
  readonly gains: boolean;
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
  readonly vips: readonly Vip[];
  /** The nodes that run a speaker, this one included. */
  readonly nodes: ReadonlyMap<string, Candidate>;
  /** What each node claims, by node; this one included. */
  readonly claims: ReadonlyMap<string, ReadonlyMap<string, Claim>>;
  /** What nodes claimed before they were restarted, and may claim again. */
  readonly former: ReadonlyMap<string, ReadonlyMap<string, Claim>>;
  /** Just started or woken up: it hears the others out before it answers for anything. */
  readonly listening: boolean;
  /** Hears no other speaker although there are some. */
  readonly isolated: boolean;
  /** Has nobody answered for this VIP on the wire, although we asked again and again? */
  readonly unanswered: (uid: string) => boolean;
  /** Since when each VIP waits for a holder, or for the successor of one that should go. */
  readonly waiting: ReadonlyMap<string, number>;
}

/** Why this node is silent about a VIP. */
export type HolderReason =
  | 'NotHolder'
  | 'NoCandidate'
  | 'Listening'
  | 'HolderStillAnswers'
  | 'LivenessBlocked'
  | 'AskingTheWire'
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
  /** Ask the wire for it. */
  readonly ask: boolean;
}

interface Holding {
  readonly node: string;
  readonly term: number;
  readonly claim: Claim | undefined;
}

/** Decides every VIP. */
export function decideHolders(view: HolderView): readonly HolderDecision[] {
  const strongest = strongestClaims(view);
  const fresh: Vip[] = [];
  const decided = new Map<Vip, HolderDecision>();
  for (const vip of view.vips) {
    const holding = strongest.get(vip.uid) ?? remembered(vip, view);
    if (holding === undefined) fresh.push(vip);
    else decided.set(vip, decideHeld(vip, holding, view));
  }
  for (const [vip, decision] of placeFresh(fresh, decided, view)) decided.set(vip, decision);
  return view.vips.map((vip) => decided.get(vip) as HolderDecision);
}

/** The strongest claim to each VIP. */
function strongestClaims({ vips, claims }: HolderView): ReadonlyMap<string, Holding> {
  const addresses = new Map(vips.map(({ uid, address }) => [uid, address]));
  const strongest = new Map<string, Holding & { readonly claim: Claim }>();
  for (const [node, ofNode] of claims) {
    for (const claim of ofNode.values()) {
      const address = addresses.get(claim.uid);
      const other = strongest.get(claim.uid);
      if (address === undefined || (other && !isStronger(address, { node, claim }, other))) continue;
      strongest.set(claim.uid, { node, term: claim.term, claim });
    }
  }
  return strongest;
}

function isStronger(
  address: Ip,
  one: { readonly node: string; readonly claim: Claim },
  other: { readonly node: string; readonly claim: Claim },
): boolean {
  if (one.claim.isolated !== other.claim.isolated) return other.claim.isolated;
  if (one.claim.term !== other.claim.term) return one.claim.term > other.claim.term;
  const [a, b] = [scoreFor(address, one.node), scoreFor(address, other.node)];
  return a === b ? one.node > other.node : a > b;
}

/** Nobody claims it: who had it, by what peers said before they restarted, or by the record. */
function remembered({ uid, recorded }: Vip, { former, nodes }: HolderView): Holding | undefined {
  let best: Holding | undefined;
  for (const [node, claims] of former) {
    const claim = claims.get(uid);
    if (claim && (best === undefined || claim.term > best.term)) best = { node, term: claim.term, claim: undefined };
  }
  if (recorded && (best === undefined || recorded.term > best.term)) best = { ...recorded, claim: undefined };
  return best && nodes.has(best.node) ? best : undefined;
}

function decideHeld(vip: Vip, holding: Holding, view: HolderView): HolderDecision {
  const { self, now, nodes, listening } = view;
  const { node, term } = holding;
  const silent = (reason: HolderReason, facts: Partial<HolderDecision> = {}): HolderDecision => {
    const action = { kind: 'Silent', reason } as const;
    return { vip, holder: node, term, action, claim: undefined, waits: false, ask: false, ...facts };
  };
  if (node === self) return decideOwn(vip, holding, view);
  const holder = nodes.get(node);
  if (holder === undefined) return takeOver(vip, { term }, view);
  switch (holder.liveness) {
    case 'Restarting':
      return standIn(vip, holding, view) ?? silent('NotHolder');
    case 'Dead':
      if (holder.answersOnWire) return silent('HolderStillAnswers', { ask: true });
      return takeOver(vip, { term, from: holder }, view);
    case 'Unknown':
      if (!holder.silentOnWire) return silent('LivenessBlocked', { ask: true });
      return takeOver(vip, { term, from: holder }, view);
    default:
      // It came back and may claim again what it held.
      if (holding.claim === undefined && now - holder.backAt < times.reclaim)
        return silent('NotHolder', { waits: true });
      if (holding.claim === undefined || !vip.serves(node)) return takeOver(vip, { term }, view);
      if (listening || isWelcome(vip, node, holder)) return silent('NotHolder');
      return successors(vip, view).length > 0 ? takeOver(vip, { term }, view) : silent('NotHolder');
  }
}

/** Is nothing said against its holding the VIP? */
function isWelcome({ eligible }: Vip, node: string, { draining }: Candidate): boolean {
  return eligible.has(node) && !draining;
}

/** This node holds it. Only a lost link ends that at once; for every softer reason it goes on until somebody else claims it. */
function decideOwn(vip: Vip, { term, claim }: Holding, view: HolderView): HolderDecision {
  const { self, now, listening, isolated, nodes, waiting, claims } = view;
  const base = { vip, holder: self, term, waits: false, ask: false };
  const own = claims.get(self)?.get(vip.uid);
  if (!vip.serves(self)) {
    const left = takeOver(vip, { term }, view);
    return { ...left, claim: undefined };
  }
  if (listening) return { ...base, action: { kind: 'Silent', reason: 'Listening' }, claim: own };
  const hold = { ...base, action: { kind: 'Hold' } as const };
  // Made alone and not contested now that others are heard: it is as good as any.
  const kept: Claim = claim ? { ...claim, isolated: claim.isolated && isolated } : { uid: vip.uid, term, isolated };
  const candidate = nodes.get(self);
  if (candidate === undefined || isWelcome(vip, self, candidate) || successors(vip, view).length === 0) {
    return { ...hold, claim: kept };
  }
  const since = waiting.get(vip.uid) ?? now;
  if (now - since < times.handOver) return { ...hold, claim: kept, waits: true };
  return { ...takeOver(vip, { term }, view), claim: undefined };
}

/** The nodes that could take the VIP now, the best first. */
function successors(vip: Vip, { nodes }: HolderView): readonly string[] {
  const able = [...vip.eligible].filter((node) => nodes.get(node)?.gains === true && vip.serves(node));
  return rankFor(vip.address, able);
}

/**
 * The VIP has no holder: the candidate with the highest score takes it; if that one does not, the next, and so on. Who hears nobody, and
 * who is not the first, takes only what nobody answers for on the wire.
 */
function takeOver(
  vip: Vip,
  { term, from }: { readonly term: number; readonly from?: Candidate },
  view: HolderView,
): HolderDecision {
  const { self, now, listening, isolated, waiting, unanswered } = view;
  const possible = isolated ? possibleSuccessors(vip, view) : successors(vip, view);
  const turn = Math.floor((now - (waiting.get(vip.uid) ?? now)) / turnMs);
  const holder = possible[turn % Math.max(1, possible.length)];
  const silent = (reason: HolderReason, ask = false): HolderDecision => {
    return { vip, holder, term, action: { kind: 'Silent', reason }, claim: undefined, waits: true, ask };
  };
  if (holder === undefined) return silent('NoCandidate');
  if (listening) return silent('Listening');
  if (holder !== self) return silent('AwaitingClaim', isolated);
  const proven = from?.silentOnWire === true || unanswered(vip.uid);
  if ((isolated || turn > 0) && !proven) return silent('AskingTheWire', true);
  const claim = { uid: vip.uid, term: term + 1, isolated };
  return { vip, holder, term: term + 1, action: { kind: 'Hold' }, claim, waits: false, ask: false };
}

/** Alone, a node cannot know who of those that it never heard lives. */
function possibleSuccessors(vip: Vip, { self, nodes }: HolderView): readonly string[] {
  const possible = (node: string) => {
    const candidate = nodes.get(node);
    if (node === self) return candidate?.gains === true && vip.serves(self);
    return candidate?.liveness === 'Unknown' && !candidate.silentOnWire;
  };
  return rankFor(vip.address, [...vip.eligible].filter(possible));
}

/** How long a chosen node has to claim before the next one may. */
const turnMs = 1_000;

/** The best of the others answers with the hardware address of the one that restarts: nobody has to learn anything. */
function standIn(vip: Vip, { node, term }: Holding, view: HolderView): HolderDecision | undefined {
  const { self, listening } = view;
  const [first] = successors(vip, view).filter((one) => one !== node);
  if (first !== self || listening) return undefined;
  return { vip, holder: node, term, action: { kind: 'StandIn', node }, claim: undefined, waits: false, ask: false };
}

/**
 * VIPs that nobody ever held: by score, but to nobody whose load is above ceil(1.25 x fair share); where all are, to the least loaded.
 * The bound is for these alone: what is held stays where it is.
 */
function placeFresh(
  fresh: readonly Vip[],
  decided: ReadonlyMap<Vip, HolderDecision>,
  view: HolderView,
): ReadonlyMap<Vip, HolderDecision> {
  if (fresh.length === 0) return new Map();
  const { self, isolated, listening } = view;
  const loads = new Map<string, number>();
  for (const { holder } of decided.values()) if (holder !== undefined) loads.set(holder, (loads.get(holder) ?? 0) + 1);
  const placed = new Map<Vip, HolderDecision>();
  for (const vip of [...fresh].sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const candidates = successors(vip, view);
    if (isolated || listening || candidates.length === 0) {
      placed.set(vip, takeOver(vip, { term: 0 }, view));
      continue;
    }
    const cap = Math.ceil((1.25 * view.vips.length) / candidates.length);
    const load = (node: string) => loads.get(node) ?? 0;
    const chosen = candidates.find((node) => load(node) < cap) ?? leastLoaded(candidates, load);
    loads.set(chosen, load(chosen) + 1);
    const waited = view.now - (view.waiting.get(vip.uid) ?? view.now);
    if (chosen !== self && waited < turnMs) {
      const action = { kind: 'Silent', reason: 'AwaitingClaim' } as const;
      placed.set(vip, { vip, holder: chosen, term: 0, action, claim: undefined, waits: true, ask: false });
    } else if (chosen === self) {
      const claim = { uid: vip.uid, term: 1, isolated: false };
      placed.set(vip, { vip, holder: self, term: 1, action: { kind: 'Hold' }, claim, waits: false, ask: false });
    } else placed.set(vip, takeOver(vip, { term: 0 }, view));
  }
  return placed;
}

function leastLoaded(nodes: readonly string[], load: (node: string) => number): string {
  return nodes.reduce((least, node) => (load(node) < load(least) ? node : least));
}
