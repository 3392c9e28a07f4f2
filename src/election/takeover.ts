/** Who takes a VIP that has lost its holder. */
import { type HolderDecision, type HolderReason, type HolderView, silence, type Vip } from './view.ts';

/** How a VIP lost its holder. */
export interface Loss {
  /** Who held it. It is no candidate. */
  readonly from?: string | undefined;
  /** The holder wants this node to have it. */
  readonly to?: string | undefined;
  /** It is taken because the holder is silent: the wire has to confirm that. */
  readonly bySilence?: boolean;
  /** The holder goes on answering until somebody has taken it. */
  readonly isAnswered?: boolean;
  /** Since when the first successor has been expected to take it. */
  readonly waitedSince?: number;
}

/** How long a chosen node has to claim before the next one may. */
export const turnMs = 1_000;

/** Is there another node than this one that could take the VIP now? */
export function hasSuccessor(vip: Vip, except: string, { gaining }: HolderView): boolean {
  return gaining.now.some((node) => node !== except && isAble(node, vip, { gaining }));
}

/** The node that a person wants the VIP at, if that one can take it now. */
export function wantedAt(vip: Vip, view: HolderView): string | undefined {
  return vip.moveTo !== undefined && isAble(vip.moveTo, vip, view) ? vip.moveTo : undefined;
}

function isAble(node: string, { eligible, serves }: Vip, { gaining }: Pick<HolderView, 'gaining'>): boolean {
  return gaining.now.includes(node) && eligible.has(node) && serves(node);
}

/** Would this node take the VIP if that holder were dead? */
export function isNext(vip: Vip, holder: string, view: HolderView): boolean {
  return nextOf(vip, { from: holder, turn: 0 }, view) === view.self;
}

/**
 * The VIP has no holder: the candidate with the highest score takes it; if that one does not, the next, and so on. Who hears nobody, and
 * who is not the first, takes only what nobody answers for on the wire.
 */
export function takeOver(vip: Vip, loss: Loss, view: HolderView): HolderDecision {
  const { self, now, listening, isolated, complete, waiting, claimsTo, termOf } = view;
  const { from, isAnswered = false } = loss;
  const turn = Math.max(0, Math.floor((now - (loss.waitedSince ?? waiting.get(vip.uid) ?? now)) / turnMs));
  const term = termOf(vip.uid);
  // A claim that we do not know yet may be among those that are on their way.
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

/** Alone, a node cannot know who of those that it never heard lives. */
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
  // That a few VIPs of a node are not answered for is proof for all of them, but not against those who may have taken one since.
  return turn === 0 && said !== 'Answered' && loss.from !== undefined && nodes.get(loss.from)?.silentOnWire === true;
}
