/**
 * Decides the holder of each VIP, as one speaker sees it from the messages of its peers: without an API call, a lock or
 * a vote.
 *
 * A holder keeps its VIP while it is alive and can serve it; no VIP ever moves back by itself. Of two claims the
 * stronger one stays (`claim-precedence.ts`). So speakers whose views differ for a moment agree as soon as they hear
 * each other. A VIP without a holder goes to the candidate with the highest score (`takeover.ts`). VIPs that no node
 * ever held are spread evenly (`initial-placement.ts`).
 */
import { type Claim, times } from '../liveness/messages.ts';
import { type CurrentHolder, currentHolderOf } from './claim-precedence.ts';
import { placeFresh } from './initial-placement.ts';
import { hasSuccessor, isNext, takeOver, wantedAt } from './takeover.ts';
import { type Candidate, type HolderDecision, type HolderReason, type HolderView, silence, type Vip } from './view.ts';

/**
 * Decides the VIPs of the view. This is the truth table for one VIP, in the order of the code: the first row that fits
 * decides. "Takeover" means that the next candidate claims the VIP, and that the other nodes wait for its claim
 * (`takeover.ts`). A node that hears no peer decides by the same rows; it also probes for the VIPs that it holds.
 *
 * | rule | current holder | heard | decided |
 * |---|---|---|---|
 * | 1 | this node, without a link for the VIP | - | takeover by another node |
 * | 2 | this node | this node listens | silent, `Listening`; keeps its claim |
 * | 3 | this node, without a claim | claims of peers are incomplete | silent, `Listening`; waits |
 * | 4 | this node | an administrator moves the VIP to a node that can take it | hold; leaving to that node |
 * | 5 | this node, not eligible, not draining | the VIP moved too often | hold; damped |
 * | 6 | this node, not eligible or draining | another node can take the VIP | hold; leaving |
 * | 7 | this node | anything else | hold |
 * | 8 | a node without a speaker | - | takeover |
 * | 9 | another node | restarting, and this node is the best candidate | stand in for it |
 * | 10 | another node | restarting | silent, `NotHolder` |
 * | 11 | another node | dead, but answers on the wire | silent, `HolderStillAnswers` |
 * | 12 | another node | dead | takeover, if no host answers for the VIP |
 * | 13 | another node | never heard, not proven silent on the wire | silent, `LivenessBlocked` |
 * | 14 | another node | never heard, silent on the wire | takeover, if no host answers for the VIP |
 * | 15 | another node, without a claim | alive, can claim it again, for less than 1.5 s | silent, `NotHolder`; waits |
 * | 16 | another node, without a claim | alive | takeover |
 * | 17 | another node, without a link for the VIP | alive | takeover |
 * | 18 | another node | alive, while this node listens | silent, `NotHolder` |
 * | 19 | another node | alive, leaving | takeover; holder answers until then |
 * | 20 | another node, eligible and not draining | alive | silent, `NotHolder` |
 * | 21 | another node, not eligible, not draining | alive; the VIP moved too often | silent, `NotHolder`; damped |
 * | 22 | another node, not eligible or draining | alive, for less than 5 s | silent, `NotHolder`; waits |
 * | 23 | another node, not eligible or draining | alive, for 5 s | takeover; holder answers until then |
 * | 24 | none, but a term of the VIP is known | - | takeover |
 * | 25 | none ever | - | initial placement |
 */
export function decideHolders(view: HolderView): readonly HolderDecision[] {
  const fresh: Vip[] = [];
  const decided = new Map<Vip, HolderDecision>();
  for (const vip of view.vips) {
    const current = currentHolderOf(vip, view);
    if (current) decided.set(vip, decideHeld(vip, current, view));
    else if (view.termOf(vip.uid) > 0) decided.set(vip, takeOver(vip, {}, view));
    else fresh.push(vip);
  }
  for (const decision of placeFresh(fresh, [...decided.values()], view)) decided.set(decision.vip, decision);
  return view.vips.map((vip) => decided.get(vip) as HolderDecision);
}

function decideHeld(vip: Vip, current: CurrentHolder, view: HolderView): HolderDecision {
  const { self, nodes } = view;
  const { node, term } = current;
  const holder = nodes.get(node);
  if (node === self) return decideOwn(vip, current, view);
  if (holder === undefined) return takeOver(vip, {}, view);
  const quiet = (reason: HolderReason, facts: Partial<HolderDecision> = {}) =>
    silence(vip, reason, { holder: node, term, ...facts });
  switch (holder.liveness) {
    case 'Restarting':
      return standIn(vip, current, view) ?? quiet('NotHolder');
    case 'Dead':
      if (holder.answersOnWire)
        return quiet('HolderStillAnswers', { probe: isNext(vip, node, view) ? { node } : undefined });
      return takeOver(vip, { from: node, bySilence: true }, view);
    case 'Unknown':
      if (!holder.silentOnWire)
        return quiet('LivenessBlocked', { probe: isNext(vip, node, view) ? { node } : undefined });
      return takeOver(vip, { from: node, bySilence: true }, view);
    default:
      return decideAlive(vip, { ...current, holder }, view);
  }
}

/** Decides on a VIP whose current holder is another node, which is alive. */
function decideAlive(
  vip: Vip,
  { node, term, claim, holder }: CurrentHolder & { readonly holder: Candidate },
  view: HolderView,
): HolderDecision {
  const { now, listening, waiting, damped } = view;
  const quiet = (facts: Partial<HolderDecision> = {}) => silence(vip, 'NotHolder', { holder: node, term, ...facts });
  if (claim === undefined) {
    // The node or its link came back, and may claim again what it held.
    const isAble = (holder.gains || holder.gainsSoon || now - holder.backAt < times.reclaim) && vip.serves(node);
    const waitedMs = now - (waiting.get(vip.uid) ?? now);
    return isAble && waitedMs < times.reclaim ? quiet({ waits: true }) : takeOver(vip, {}, view);
  }
  if (!vip.serves(node)) return takeOver(vip, { from: node }, view);
  if (listening || mayKeep(vip, node, holder)) {
    return claim.leaving && !listening
      ? takeOver(vip, { from: node, isAnswered: true, to: claim.leavingTo }, view)
      : quiet();
  }
  if (claim.leaving) return takeOver(vip, { from: node, isAnswered: true, to: claim.leavingTo }, view);
  if (!holder.draining && damped(vip.uid)) return quiet({ damped: true });
  // Only the holder knows whether it has seen the same objects. It goes on until it gives the VIP away, or until the
  // wait is over.
  const since = waiting.get(vip.uid) ?? now;
  if (now - since < times.handOver) return quiet({ waits: true });
  return takeOver(vip, { from: node, isAnswered: true, waitedSince: since + times.handOver }, view);
}

/** May the node go on holding the VIP? */
function mayKeep({ eligible }: Vip, node: string, { draining }: Candidate): boolean {
  return eligible.has(node) && !draining;
}

/**
 * Decides on a VIP that this node holds. Only a lost link ends that at once; for any other reason it goes on until
 * another node claims the VIP.
 */
function decideOwn(vip: Vip, { term, claim }: CurrentHolder, view: HolderView): HolderDecision {
  const { self, listening, isolated, minority, complete, nodes, damped, termOf } = view;
  if (!vip.serves(self)) return takeOver(vip, { from: self }, view);
  if (listening) return silence(vip, 'Listening', { holder: self, term, claim });
  if (claim === undefined && !complete) return silence(vip, 'Listening', { holder: self, term, waits: true });
  const candidate = nodes.get(self);
  const shouldLeave = candidate !== undefined && !mayKeep(vip, self, candidate);
  const isDamped = shouldLeave && !candidate.draining && damped(vip.uid);
  const leavingTo = vip.moveTo === self ? undefined : wantedAt(vip, view);
  const kept: Claim = {
    uid: vip.uid,
    term: Math.max(claim?.term ?? Math.max(term, termOf(vip.uid)), isolated ? 0 : termAfterLone(vip, view)),
    // Made in isolation, and not contested now that all claims of the peers are known: an ordinary claim from now on.
    isolated: (claim?.isolated ?? isolated) && (isolated || !complete),
    leaving: leavingTo !== undefined || (shouldLeave && !isDamped && hasSuccessor(vip, self, view)),
    leavingTo,
  };
  const action = { kind: 'Hold' } as const;
  // A node that hears few others looks for nodes that answer for its VIPs.
  const probe = isolated || minority ? { node: otherClaimant(vip, view), isRare: !isolated } : undefined;
  return { vip, holder: self, term: kept.term, action, claim: kept, waits: false, probe, damped: isDamped };
}

/**
 * The best other candidate answers with the hardware address of the restarting node: no neighbor has to learn a new
 * address.
 */
function standIn(vip: Vip, { node, term }: CurrentHolder, view: HolderView): HolderDecision | undefined {
  const { self, listening, ranking, gaining } = view;
  const accepts = (one: string) => one !== node && vip.eligible.has(one) && vip.serves(one);
  if (listening || ranking.first(vip.address, gaining.now, accepts) !== self) return undefined;
  const action = { kind: 'StandIn', node } as const;
  return { vip, holder: node, term, action, claim: undefined, waits: false, probe: undefined, damped: false };
}

/**
 * A live node that hears no peer does not hear that its claim counts less. It learns of it from the record, if that has a
 * term which is higher than its own.
 */
function termAfterLone({ uid }: Vip, { self, nodes, claimsTo }: HolderView): number {
  const lone = [...claimsTo(uid)].filter(([node, { isolated }]) => {
    return node !== self && isolated && nodes.get(node)?.liveness === 'Alive';
  });
  return Math.max(0, ...lone.map(([, { term }]) => term + 1));
}

function otherClaimant({ uid }: Vip, { self, claimsTo }: HolderView): string | undefined {
  return [...claimsTo(uid).keys()].find((node) => node !== self);
}
