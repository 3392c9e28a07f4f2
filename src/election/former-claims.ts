/** Are all claims known, and which claims were made before a restart? */

import type { PeerStates } from '../liveness/failure-detector.ts';
import { type Claim, times } from '../liveness/messages.ts';
import type { Peers } from '../liveness/peers.ts';

/**
 * Are all claims of all live peers known? A peer that fails to send its claims within `times.incomplete` is ignored.
 */
export function isAllKnown(peers: Peers, review: PeerStates, now: number): boolean {
  for (const { node, incompleteSince } of peers.all()) {
    if (incompleteSince === undefined || now - incompleteSince >= times.incomplete) continue;
    if (review.of.get(node)?.liveness === 'Alive' || review.of.get(node)?.liveness === 'Restarting') return false;
  }
  return true;
}

/** The node that claimed a VIP before a restart: a peer that has just come back, or this node. */
export function formerOf(
  uid: string,
  {
    peers,
    own,
    now,
  }: {
    readonly peers: Peers;
    readonly own: { readonly node: string; readonly claims: ReadonlyMap<string, Claim> };
    readonly now: number;
  },
): { readonly node: string; readonly term: number } | undefined {
  const before = own.claims.get(uid);
  let best = before && { node: own.node, term: before.term };
  for (const { node, former, backAt } of peers.all()) {
    if (former.size === 0 || now - backAt >= times.reclaim) continue;
    const claim = former.get(uid);
    if (claim && (best === undefined || claim.term > best.term)) best = { node, term: claim.term };
  }
  return best;
}
