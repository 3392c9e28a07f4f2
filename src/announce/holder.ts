/** Which of the candidates holds a VIP: rendezvous hashing, so that every node finds the same answer without asking. */
import { createHash } from 'node:crypto';
import type { Ip } from '../addr/ip.ts';

/**
 * The candidate with the highest score for this VIP, undefined without candidates. Each pair of VIP and node has its
 * own score, so a node that goes takes only its own VIPs away, and one that comes takes only what it wins.
 */
export function holderOf(vip: Ip, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((node) => ({ node, score: score(vip, node) }));
  return scored.reduce<(typeof scored)[number] | undefined>(
    (best, next) => (best === undefined || beats(next, best) ? next : best),
    undefined,
  )?.node;
}

function score(vip: Ip, node: string): string {
  return createHash('sha256').update(`${vip}\n${node}`).digest('hex');
}

/** Equal scores do not happen with 256 bits; the name decides all the same, so that the order of the input never does. */
function beats(a: { node: string; score: string }, b: { node: string; score: string }): boolean {
  return a.score === b.score ? a.node > b.node : a.score > b.score;
}
