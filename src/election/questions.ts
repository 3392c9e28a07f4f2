/** Which VIPs are asked for on the wire: those of silent holders, by those who would take them, and what a decision wants to know of. */
import type { PeerStates } from '../liveness/failure-detector.ts';
import type { DecisionCache } from './decision-cache.ts';
import { isNext } from './takeover.ts';
import type { HolderView, Vip } from './view.ts';

/** How many VIPs of one holder are asked for. */
const samples = 3;

/** The VIPs, each with the node that should answer if it lives. From suspicion on, a holder is asked for before it is found dead. */
export function questionsOf(
  decisions: DecisionCache,
  view: HolderView,
  review: PeerStates,
): { readonly vip: Vip; readonly node: string | undefined }[] {
  const questions: { readonly vip: Vip; readonly node: string | undefined }[] = [];
  const counts = new Map<string, number>();
  const isEnough = (node: string) => (counts.get(node) ?? 0) >= samples;
  const add = (vip: Vip, node: string | undefined) => {
    if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
    questions.push({ vip, node });
  };
  for (const { vip, ask } of decisions.asking()) {
    if (ask && (ask.node === undefined || !isEnough(ask.node))) add(vip, ask.node);
  }
  const suspects = new Set([...review.of].filter(([, { isSuspect }]) => isSuspect).map(([node]) => node));
  if (suspects.size === 0) return questions;
  for (const { vip, holder, ask } of decisions.all) {
    if (ask !== undefined || holder === undefined || !suspects.has(holder) || isEnough(holder)) continue;
    if (isNext(vip, holder, view)) add(vip, holder);
  }
  return questions;
}
