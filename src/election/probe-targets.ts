/**
 * Chooses the VIPs to probe on the wire: those for which a decision needs a probe, and those of suspect holders that
 * this node would take over.
 */
import type { PeerStates } from '../liveness/failure-detector.ts';
import type { DecisionCache } from './decision-cache.ts';
import type { ProbeTarget } from './holder-probes.ts';
import { samples } from './probe-queue.ts';
import { isNext } from './takeover.ts';
import type { HolderView } from './view.ts';

/**
 * The VIPs, each with the node that should answer if it is alive. A suspect holder is probed before it counts as dead.
 */
export function probeTargetsOf(decisions: DecisionCache, view: HolderView, review: PeerStates): readonly ProbeTarget[] {
  const targets: ProbeTarget[] = [];
  const counts = new Map<string, number>();
  const count = (node: string) => counts.set(node, (counts.get(node) ?? 0) + 1);
  for (const { vip, probe } of decisions.probing(view.now)) {
    if (probe === undefined) continue;
    targets.push({ vip, ...probe });
    if (probe.node !== undefined) count(probe.node);
  }
  for (const [node, { isSuspect }] of review.of) {
    if (!isSuspect) continue;
    for (const { vip, probe } of decisions.heldBy(node)) {
      if ((counts.get(node) ?? 0) >= samples) break;
      if (probe !== undefined || !isNext(vip, node, view)) continue;
      targets.push({ vip, node });
      count(node);
    }
  }
  return targets;
}
