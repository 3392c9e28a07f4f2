/** Decides which node takes over a VIP that has lost its holder. */
import { type HolderDecision, type HolderReason, type HolderView, silence, type Vip } from './view.ts';

/** Why and how a VIP lost its holder. */
interface Loss {
  /** The former holder. It is no candidate. */
  readonly from?: string | undefined;
  /** The node to which the holder wants to give it. */
  readonly to?: string | undefined;
  /** It is taken over because the holder is silent: probes must confirm that. */
  readonly bySilence?: boolean;
  /** The holder goes on answering until another node has taken it over. */
  readonly isAnswered?: boolean;
  /** Since when the first successor is expected to take it over. */
  readonly waitedSince?: number;
}

/** A chosen node must claim the VIP within this time; after that it is the turn of the next one. */
export const turnMs = 1_000;

/** Is there a node, other than `except`, that could take the VIP now? */
export function hasSuccessor(vip: Vip, except: string, { gaining }: HolderView): boolean {
  return gaining.now.some((node) => node !== except && isAble(node, vip, { gaining }));
}

/** The node to which an administrator wants to move the VIP, if that node can take it now. */
export function wantedAt(vip: Vip, view: HolderView): string | undefined {
  return vip.moveTo !== undefined && isAble(vip.moveTo, vip, view) ? vip.moveTo : undefined;
}

function isAble(node: string, { eligible, serves }: Vip, { gaining }: Pick<HolderView, 'gaining'>): boolean {
  return gaining.now.includes(node) && eligible.has(node) && serves(node);
}

/** The highest term that a holder of the VIP ever had, as far as is known: heard or on record. 0 if it had none. */
export function highestTerm({ uid, recorded }: Vip, { termOf }: Pick<HolderView, 'termOf'>): number {
  return Math.max(termOf(uid), recorded?.term ?? 0);
}

/** Would this node take over the VIP if its holder were dead? */
export function isNext(vip: Vip, holder: string, view: HolderView): boolean {
  return nextOf(vip, { from: holder, turn: 0 }, view) === view.self;
}

/**
 * Decides on a VIP without a holder. The candidate with the highest score takes it over; if that one does not, the next
 * one does, and so on. An isolated node, and any node but the first, takes it only if no host answers for it on the
 * wire.
 */
export function takeOver(vip: Vip, loss: Loss, view: HolderView): HolderDecision {
  const { self, now, listening, isolated, complete, waiting, claimsTo } = view;
  const { from, isAnswered = false } = loss;
  const turn = Math.max(0, Math.floor((now - (loss.waitedSince ?? waiting.get(vip.uid) ?? now)) / turnMs));
  const term = highestTerm(vip, view);
  // A claim to this VIP may be among the claims that have not arrived yet.
  if (listening || (claimsTo(vip.uid).size === 0 && !complete)) {
    return silence(vip, 'Listening', { holder: undefined, term, waits: true });
  }
  const next = nextOf(vip, { from, turn, to: loss.to }, view);
  const quiet = (reason: HolderReason, facts: Partial<HolderDecision> = {}) =>
    silence(vip, reason, { holder: next, term, waits: true, ...facts });
  if (next === undefined) return quiet('NoCandidate');
  if (next !== self && isAnswered) return quiet('NotHolder', { holder: from });
  if (next !== self)
    return quiet('AwaitingClaim', isolated && mayTake(self, vip, view) ? { probe: { node: undefined } } : {});
  if (!isAnswered && !isProven(vip, { loss, turn }, view)) {
    return quiet('ConfirmingHolderDown', { probe: { node: turn === 0 ? from : undefined } });
  }
  const claim = { uid: vip.uid, term: term + 1, isolated, leaving: false };
  return {
    vip,
    holder: self,
    term: claim.term,
    action: { kind: 'Hold' },
    claim,
    waits: false,
    probe: isolated ? { node: from } : undefined,
    damped: false,
  };
}

function nextOf(
  vip: Vip,
  { from, turn, to }: Pick<Loss, 'from' | 'to'> & { readonly turn: number },
  view: HolderView,
): string | undefined {
  const { ranking, gaining, isolated, nodes } = view;
  const all = isolated ? [...nodes.keys()] : gaining.now;
  const accepts = (node: string) => node !== from && mayTake(node, vip, view);
  if (turn === 0 && to !== undefined && to !== from && isAble(to, vip, view)) return to;
  if (turn === 0) return ranking.first(vip.address, all, accepts);
  const possible = all.filter(accepts);
  return ranking.order(vip.address, possible)[turn % Math.max(1, possible.length)];
}

/**
 * An isolated node cannot know which of the nodes that it never heard are alive: any that is not silent on the wire may
 * take the VIP.
 */
function mayTake(node: string, { eligible, serves }: Vip, { self, isolated, nodes }: HolderView): boolean {
  const candidate = nodes.get(node);
  if (candidate === undefined || !eligible.has(node)) return false;
  if (isolated && node !== self) return candidate.liveness === 'Unknown' && !candidate.silentOnWire;
  return candidate.gains && serves(node);
}

function isProven(
  { uid }: Vip,
  { loss, turn }: { readonly loss: Loss; readonly turn: number },
  { isolated, nodes, wire }: HolderView,
): boolean {
  if (!isolated && turn === 0 && !loss.bySilence) return true;
  const said = wire(uid);
  if (said === 'Unanswered') return true;
  // Silence about a few VIPs of a node proves that the node is silent about all, but not that no other node has taken
  // one since.
  return turn === 0 && said !== 'Answered' && loss.from !== undefined && nodes.get(loss.from)?.silentOnWire === true;
}
