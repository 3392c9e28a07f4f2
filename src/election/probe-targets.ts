/**
 * Chooses the VIPs to probe on the wire: those for which a decision needs a probe, and those of suspect holders that
 * this node would take over.
 */
import type { PeerStates } from '../liveness/failure-detector.ts';
import type { DecisionCache } from './decision-cache.ts';
import type { ProbeTarget } from './holder-probes.ts';
import { isNext } from './takeover.ts';
import type { HolderView } from './view.ts';

/** At most this many VIPs of one holder are probed. */
const samples = 3;

/**
 * The VIPs, each with the node that should answer if it is alive. A suspect holder is probed before it counts as dead.
 */
export function probeTargetsOf(decisions: DecisionCache, view: HolderView, review: PeerStates): readonly ProbeTarget[] {
  const targets: ProbeTarget[] = [];
  const counts = new Map<string, number>();
  const isEnough = (node: string) => (counts.get(node) ?? 0) >= samples;
  const add = (target: ProbeTarget) => {
    const { node } = target;
    if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
    targets.push(target);
  };
  for (const { vip, probe } of decisions.probing()) {
    if (probe && (probe.node === undefined || !isEnough(probe.node))) add({ vip, ...probe });
  }
  const suspects = new Set([...review.of].filter(([, { isSuspect }]) => isSuspect).map(([node]) => node));
  if (suspects.size === 0) return targets;
  for (const { vip, holder, probe } of decisions.all) {
    if (probe !== undefined || holder === undefined || !suspects.has(holder) || isEnough(holder)) continue;
    if (isNext(vip, holder, view)) add({ vip, node: holder });
  }
  return targets;
}
