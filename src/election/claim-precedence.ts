/** Decides which of several claims to a VIP counts. */
import type { Claim } from '../liveness/messages.ts';
import type { Candidate, HolderView, Vip } from './view.ts';

/** The current holder of a VIP. Without a claim, it is known only from the record or from before a restart. */
export interface CurrentHolder {
  readonly node: string;
  readonly term: number;
  readonly claim: Claim | undefined;
}

interface Contender extends CurrentHolder {
  readonly claim: Claim;
  /** How certain it is that the node is alive and heard: 2 both, 1 restarting or not heard, 0 dead. */
  readonly presence: 0 | 1 | 2;
}

/**
 * The current holder: the node with the strongest claim. Without any claim, the node that claimed the VIP before a
 * restart, or the node on record. Undefined if no holder is known.
 */
export function currentHolderOf(vip: Vip, view: HolderView): CurrentHolder | undefined {
  let strongest: Contender | undefined;
  for (const [node, claim] of view.claimsTo(vip.uid)) {
    const one = { node, term: claim.term, claim, presence: presenceOf(view.nodes.get(node)) };
    if (strongest === undefined || isStronger(one, strongest, { vip, view })) strongest = one;
  }
  const onRecord = recordOfUnknown(vip, view);
  if (onRecord && (strongest === undefined || isStronger(onRecord, strongest, { vip, view }))) strongest = onRecord;
  return strongest ?? remembered(vip, view);
}

/**
 * Is one claim stronger than another one? The claim of a live node is stronger, then the claim that was not made in
 * isolation, then the higher term, then the higher score.
 *
 * The claim of a dead node counts only if there is no other one: it names the node from which the VIP is taken over.
 * The claim of a restarting node, or of this node while no peer hears it, counts only if no live node has one: a live
 * node would not learn of the stronger claim, and would go on holding the VIP.
 */
function isStronger(
  one: Contender,
  other: Contender,
  { vip, view }: { readonly vip: Vip; readonly view: HolderView },
): boolean {
  if (one.presence !== other.presence) return one.presence > other.presence;
  if (one.claim.isolated !== other.claim.isolated) return other.claim.isolated;
  if (one.term !== other.term) return one.term > other.term;
  const [a, b] = [view.ranking.score(vip.address, one.node), view.ranking.score(vip.address, other.node)];
  return a === b ? one.node > other.node : a > b;
}

/** A node that answers on the wire is alive, even if its heartbeats are not heard. */
function presenceOf(candidate: Candidate | undefined): Contender['presence'] {
  if (candidate === undefined) return 0;
  if (candidate.liveness === 'Restarting' || candidate.unheard) return 1;
  if (candidate.liveness === 'Dead') return candidate.answersOnWire ? 2 : 0;
  return candidate.liveness !== 'Unknown' || !candidate.silentOnWire ? 2 : 0;
}

/**
 * The record is all that is known of the claims of a peer that was never heard. It counts like a claim that was made in
 * isolation.
 */
function recordOfUnknown({ uid, recorded }: Vip, { nodes, claimsTo }: HolderView): Contender | undefined {
  const candidate = recorded && nodes.get(recorded.node);
  if (candidate?.liveness !== 'Unknown' || recorded === undefined || claimsTo(uid).has(recorded.node)) return undefined;
  const claim = { uid, term: recorded.term, isolated: true, leaving: false };
  return { ...recorded, claim, presence: presenceOf(candidate) };
}

function remembered({ uid, recorded }: Vip, { formerOf, nodes }: HolderView): CurrentHolder | undefined {
  const former = formerOf(uid);
  const best = former && !(recorded && recorded.term > former.term) ? former : recorded;
  return best && nodes.has(best.node) ? { node: best.node, term: best.term, claim: undefined } : undefined;
}
