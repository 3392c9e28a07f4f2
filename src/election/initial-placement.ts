/** Places VIPs that no node ever held. */

import { highestTerm, takeOver, turnMs } from './takeover.ts';
import { type HolderDecision, type HolderView, silence, type Vip } from './view.ts';

/** A node gets at most this factor of its fair share. */
const share = 1.25;

/**
 * Each VIP goes to the candidate with the highest score whose load is below ceil(1.25 x fair share). If all have
 * reached that, it goes to the least loaded one. The bound applies to new VIPs only: a held VIP stays where it is.
 */
export function placeFresh(
  fresh: readonly Vip[],
  decided: readonly HolderDecision[],
  view: HolderView,
): readonly HolderDecision[] {
  if (fresh.length === 0) return [];
  const { self, now, isolated, listening, complete, waiting } = view;
  const loads = new Map(view.loads());
  const count = (node: string | undefined) => node !== undefined && loads.set(node, (loads.get(node) ?? 0) + 1);
  for (const { holder } of decided) count(holder);
  const cannotPlace = isolated || listening || !complete;
  return [...fresh].sort(byAddress).map((vip) => {
    const chosen = cannotPlace ? undefined : choose(vip, loads, view);
    if (chosen === undefined) return takeOver(vip, {}, view);
    count(chosen);
    const waitedMs = now - (waiting.get(vip.uid) ?? now);
    if (chosen !== self && waitedMs >= turnMs) return takeOver(vip, {}, view);
    if (chosen !== self) return silence(vip, 'AwaitingClaim', { holder: chosen, term: 0, waits: true });
    const term = highestTerm(vip, view) + 1;
    const claim = { uid: vip.uid, term, isolated: false, leaving: false };
    const action = { kind: 'Hold' } as const;
    return { vip, holder: self, term, action, claim, waits: false, probe: undefined, damped: false };
  });
}

/** The best candidate with room for another VIP; if none has, the least loaded one. */
function choose(vip: Vip, loads: ReadonlyMap<string, number>, view: HolderView): string | undefined {
  const { total, ranking, gaining } = view;
  const load = (node: string) => loads.get(node) ?? 0;
  const accepts = (node: string) => vip.eligible.has(node) && vip.serves(node);
  const fairShare = total / gaining.soon.filter((node) => vip.eligible.has(node)).length;
  const cap = Math.ceil(share * fairShare);
  const withRoom = ranking.first(vip.address, gaining.soon, (node) => load(node) < cap && accepts(node));
  if (withRoom !== undefined) return withRoom;
  const able = gaining.soon.filter(accepts);
  return able.length === 0 ? undefined : able.reduce((least, node) => (load(node) < load(least) ? node : least));
}

/** Every speaker places them in the same order. */
function byAddress(a: Vip, b: Vip): number {
  return a.address < b.address ? -1 : 1;
}
