/** Who takes a VIP that has lost its holder. */
import { type HolderDecision, type HolderReason, type HolderView, silence, type Vip } from './holder-view.ts';

/** How a VIP lost its holder. */
export interface Loss {
  /** Who held it. It is no candidate. */
  readonly from?: string;
  /** It is taken because the holder is silent: the wire has to confirm that. */
  readonly bySilence?: boolean;
  /** The holder goes on answering until somebody has taken it. */
  readonly isAnswered?: boolean;
  /** Since when the first successor has been expected to take it. */
  readonly waitedSince?: number;
}

/** How long a chosen node has to claim before the next one may. */
export const turnMs = 1_000;

/** The nodes that could take the VIP now; or, if it is in no hurry, in a moment. */
export function successors(vip: Vip, { nodes }: HolderView, hurry: 'Now' | 'Soon' = 'Now'): readonly string[] {
  const able: string[] = [];
  for (const node of vip.eligible) {
    const candidate = nodes.get(node);
    if ((candidate?.gains || (hurry === 'Soon' && candidate?.gainsSoon)) && vip.serves(node)) able.push(node);
  }
  return able;
}

/** Would this node take the VIP if that holder were dead? */
export function isNext(vip: Vip, holder: string, view: HolderView): boolean {
  return view.ranking.first(vip.address, candidatesAfter(vip, holder, view)) === view.self;
}

/**
 * The VIP has no holder: the candidate with the highest score takes it; if that one does not, the next, and so on. Who hears nobody, and
 * who is not the first, takes only what nobody answers for on the wire.
 */
export function takeOver(vip: Vip, loss: Loss, view: HolderView): HolderDecision {
  const { self, now, listening, isolated, complete, waiting, claimsTo, termOf } = view;
  const { from, isAnswered = false } = loss;
  const possible = candidatesAfter(vip, from, view);
  const turn = Math.max(0, Math.floor((now - (loss.waitedSince ?? waiting.get(vip.uid) ?? now)) / turnMs));
  const next = nextOf(vip, { possible, turn }, view);
  const term = termOf(vip.uid);
  const quiet = (reason: HolderReason, facts: Partial<HolderDecision> = {}) =>
    silence(vip, reason, { holder: next, term, waits: true, ...facts });
  if (next === undefined) return quiet('NoCandidate');
  // A claim that we do not know yet may be among those that are on their way.
  if (listening || (claimsTo(vip.uid).size === 0 && !complete)) return quiet('Listening');
  if (next !== self && isAnswered) return quiet('NotHolder', { holder: from });
  if (next !== self)
    return quiet('AwaitingClaim', isolated && possible.includes(self) ? { ask: { node: undefined } } : {});
  if (!isAnswered && !isProven(vip, { loss, turn }, view)) {
    return quiet('AskingTheWire', { ask: { node: turn === 0 ? from : undefined } });
  }
  const claim = { uid: vip.uid, term: term + 1, isolated, leaving: false };
  return {
    vip,
    holder: self,
    term: claim.term,
    action: { kind: 'Hold' },
    claim,
    waits: false,
    ask: isolated ? { node: from } : undefined,
    damped: false,
  };
}

function candidatesAfter(vip: Vip, from: string | undefined, view: HolderView): readonly string[] {
  const all = view.isolated ? possibleSuccessors(vip, view) : successors(vip, view);
  return all.filter((node) => node !== from);
}

function nextOf(
  { address }: Vip,
  { possible, turn }: { readonly possible: readonly string[]; readonly turn: number },
  { ranking }: HolderView,
): string | undefined {
  if (turn === 0) return ranking.first(address, possible);
  return ranking.order(address, possible)[turn % Math.max(1, possible.length)];
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

/** Alone, a node cannot know who of those that it never heard lives. */
function possibleSuccessors(vip: Vip, { self, nodes }: HolderView): readonly string[] {
  return [...vip.eligible].filter((node) => {
    const candidate = nodes.get(node);
    if (node === self) return candidate?.gains === true && vip.serves(self);
    return candidate?.liveness === 'Unknown' && !candidate.silentOnWire;
  });
}
