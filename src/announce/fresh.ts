/** Who gets a VIP that nobody ever held. */
import { type HolderDecision, type HolderView, silence, type Vip } from './holder-view.ts';
import { successors, takeOver, turnMs } from './successors.ts';

/** A node gets so much more than its fair share at most. */
const share = 1.25;

/**
 * By score, but to nobody whose load has reached ceil(1.25 x fair share); where all have, to the least loaded. The bound is for these
 * alone: what is held stays where it is.
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
  return [...fresh].sort(byAddress).map((vip) => {
    const candidates = successors(vip, view, 'Soon');
    const waitedMs = now - (waiting.get(vip.uid) ?? now);
    if (isolated || listening || !complete || candidates.length === 0) return takeOver(vip, {}, view);
    const chosen = choose(vip, { candidates, loads }, view);
    count(chosen);
    if (chosen !== self && waitedMs >= turnMs) return takeOver(vip, {}, view);
    if (chosen !== self) return silence(vip, 'AwaitingClaim', { holder: chosen, term: 0, waits: true });
    const claim = { uid: vip.uid, term: 1, isolated: false, leaving: false };
    const action = { kind: 'Hold' } as const;
    return { vip, holder: self, term: 1, action, claim, waits: false, ask: undefined, damped: false };
  });
}

function choose(
  { address }: Vip,
  { candidates, loads }: { readonly candidates: readonly string[]; readonly loads: ReadonlyMap<string, number> },
  { total, ranking }: HolderView,
): string {
  const cap = Math.ceil((share * total) / candidates.length);
  const load = (node: string) => loads.get(node) ?? 0;
  const chosen = ranking.first(
    address,
    candidates.filter((node) => load(node) < cap),
  );
  return chosen ?? candidates.reduce((least, node) => (load(node) < load(least) ? node : least));
}

/** Every speaker goes through them in the same order. */
function byAddress(a: Vip, b: Vip): number {
  return a.address < b.address ? -1 : 1;
}
