/** What is wrong with a Service, one line each, and what to do about it. */
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import { cureOf } from '../output/reason-text.ts';
import type { ExplainedVip, ExplainFacts, Problem } from './explained.ts';

/** A problem with the cure of its reason. */
export function problem(reason: string, what: string): Problem {
  return { reason, what, todo: cureOf(reason) };
}

/** All that is wrong, what comes first in the way of a packet first. */
export function problemsOf(facts: Omit<ExplainFacts, 'problems'>): readonly Problem[] {
  const { service, vips, path } = facts;
  const problems: Problem[] = [];
  const { ours, reason, message, addresses } = service;
  const isGood = ours && (reason === 'Allocated' || (reason === 'AddressConflict' && addresses.length > 0));
  if (!isGood) problems.push(problem(reason, message));
  if (!ours) return problems;
  for (const vip of vips) problems.push(...problemsOfVip(vip));
  const { handOff } = path;
  if (handOff.reason !== undefined) problems.push(problem(handOff.reason, handOff.message ?? ''));
  const isIdle = path.endpoints.every(({ nodes }) => nodes.length === 0) && vips.length > 0;
  if (isIdle && !problems.some((one) => one.reason === 'NoEndpoints' || one.reason === 'NoLocalEndpoints')) {
    problems.push(problem('NoEndpoints', 'no endpoint of the Service is ready'));
  }
  return problems;
}

function problemsOfVip(vip: ExplainedVip): readonly Problem[] {
  const { address, announced, reason, message, conflict, verified, verifiedReason, moveTo, holder } = vip;
  const problems: Problem[] = [];
  const isSaid = message.includes(address);
  // A second node has proven the data path since.
  const isProven = reason === 'DataPathUnproven' && verified === 'True';
  if (!announced || (reason !== 'Announced' && !isProven))
    problems.push(silent(vip, isSaid ? message : `${address}: ${message}`));
  if (conflict !== undefined && conflict.reason !== reason) problems.push(problem(conflict.reason, conflict.message));
  if (announced && verified === 'False') {
    problems.push(problem(verifiedReason, `another node does not reach ${address} through ${holder}`));
  }
  if (moveTo !== undefined && moveTo !== holder) {
    problems.push(problem('MoveWaits', `${address} is to move to ${moveTo}, and has not`));
  }
  if (vip.distribution === 'Spread' && vip.spread && vip.spread.reason !== 'Spread') {
    problems.push(problem(vip.spread.reason, vip.spread.message));
  }
  const layer = vip.nftables ?? 'Loaded';
  if (layer !== 'Loaded' && layer !== 'Off') {
    problems.push(problem(layer, `the rules of ${holder} are not in its kernel (${layer})`));
  }
  return problems;
}

/** Where nobody may announce it, the cure is that of what keeps the nodes from it, if that is the same for all. */
function silent({ reason, nodes }: ExplainedVip, what: string): Problem {
  if (reason !== 'NoCandidate' && reason !== 'NoUsableLink' && reason !== 'Pending') return problem(reason, what);
  const reasons = new Set(nodes.map(({ reason: found }) => found));
  const [only] = reasons;
  const cure = reasons.size === 1 && only !== undefined ? cures[only] : undefined;
  const why = [...reasons].map((one) => `${one}: ${named(nodes, one)}`).join('; ');
  if (reason === 'Pending' && reasons.has('Candidate')) return problem(reason, what);
  return { reason, what: `${what} (${why})`, todo: cure ?? cureOf('NoCandidate') };
}

function named(nodes: readonly NodeEligibility[], reason: NodeEligibility['reason']): string {
  const found = nodes.filter((look) => look.reason === reason);
  const details = [...new Set(found.map(({ detail }) => detail))];
  const groups = details.map((detail) => {
    const names = found.filter((look) => look.detail === detail).map(({ node }) => node);
    return `${names.join(', ')}${detail === '' ? '' : ` (${detail})`}`;
  });
  return groups.join('; ');
}

const cures: Readonly<Partial<Record<NodeEligibility['reason'], string>>> = {
  NoSpeaker:
    'let speakers run: kubectl get pods of the namespace of Berth, speaker.nodeSelector and tolerations of the chart',
  Excluded:
    'remove the label node.kubernetes.io/exclude-from-external-load-balancers from a node that is to announce it',
  NotSelected: 'correct nodeSelectors of the L2Advertisement: they select none of the nodes',
  LinkNotNamed: 'correct interfaces of the L2Advertisement: the nodes have other links in the subnet',
  NoLink:
    "use addresses of the nodes' network in the pool, or name the link exactly in interfaces of the L2Advertisement",
  Draining: 'kubectl berth undrain NODE, for one of the nodes',
  NotAlive: "look at the speakers' Pods, and at UDP 7932 between the nodes",
};
