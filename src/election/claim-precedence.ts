/** Which of several claims to a VIP counts. */
import type { Claim } from '../liveness/messages.ts';
import type { Candidate, HolderView, Vip } from './view.ts';

/** Who has a VIP; without a claim it is only remembered. */
export interface CurrentHolder {
  readonly node: string;
  readonly term: number;
  readonly claim: Claim | undefined;
}

interface Contender extends CurrentHolder {
  readonly claim: Claim;
  /** How well it is known to be there. */
  readonly presence: 0 | 1 | 2;
}

/**
 * Who has it: of those that claim it the strongest; if nobody does, who did so before a restart, or who is on record. Undefined if nobody
 * is known.
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
 * Of two claims the one of a node that lives counts, then the one that was not made alone, then the higher term, then the higher score.
 * A dead node's claim counts only where nobody else has one: it says whom the VIP is taken from. That of a node which restarts does where
 * no other that lives has one: the other would not hear of it, and go on.
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

/** A node that the wire knows of lives, whatever the beats say. */
function presenceOf(candidate: Candidate | undefined): Contender['presence'] {
  if (candidate === undefined) return 0;
  if (candidate.liveness === 'Restarting') return 1;
  if (candidate.liveness === 'Dead') return candidate.answersOnWire ? 2 : 0;
  return candidate.liveness !== 'Unknown' || !candidate.silentOnWire ? 2 : 0;
}

/** Of a peer that was never heard, the record is all that is known of its claims. It is as good as one that was made alone. */
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
