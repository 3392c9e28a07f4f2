/** The problems of a Service, one line each, and what to do about them. */
import { familyOf, type Ip } from '../../addr/ip.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import { remedyOf } from '../output/reason-text.ts';
import type { ExplainedPath, ExplainedVip, ExplainFacts, Problem } from './explained.ts';
import { mayAnnounce } from './node-eligibility.ts';

/** Makes a problem with the remedy of its reason. */
export function problem(reason: string, what: string): Problem {
  return { reason, what, todo: remedyOf(reason) };
}

/** Finds all problems, in the order in which a packet meets them. */
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
  return [...problems, ...idleProblems(vips, path)];
}

/** Families of addresses without a ready endpoint: kube-proxy refuses their packets, whatever endpoints the other family has. */
function idleProblems(vips: readonly ExplainedVip[], { endpoints }: ExplainedPath): readonly Problem[] {
  const isSaid = ({ reason }: ExplainedVip) => reason === 'NoEndpoints' || reason === 'NoLocalEndpoints';
  const idle = endpoints.filter(({ nodes }) => nodes.length === 0).map(({ family }) => family);
  const silent = vips.filter((vip) => idle.includes(familyOf(vip.address as Ip)) && !isSaid(vip));
  if (silent.length === 0) return [];
  if (idle.length === endpoints.length) return [problem('NoEndpoints', 'no endpoint of the Service is ready')];
  return silent.map(({ address }) => {
    const family = familyOf(address as Ip);
    return problem('NoEndpoints', `no endpoint of the family ${family} is ready: nothing serves ${address}`);
  });
}

function problemsOfVip(vip: ExplainedVip): readonly Problem[] {
  const { address, announced, reason, message, conflict, verified, verifiedReason, moveTo, holder } = vip;
  const problems: Problem[] = [];
  const isSaid = message.includes(address);
  // A second node has verified the data path since then.
  const isProven = reason === 'DataPathUnproven' && verified === 'True';
  if (!announced || (reason !== 'Announced' && !isProven))
    problems.push(silent(vip, isSaid ? message : `${address}: ${message}`));
  if (conflict !== undefined && conflict.reason !== reason) problems.push(problem(conflict.reason, conflict.message));
  if (announced && verified === 'False') {
    problems.push(problem(verifiedReason, `another node cannot reach ${address} through ${holder}`));
  }
  if (moveTo !== undefined && moveTo !== holder) {
    problems.push(problem('MoveWaits', `${address} has not moved to ${moveTo} yet`));
  }
  if (vip.distribution === 'Spread' && vip.spread && vip.spread.reason !== 'Spread') {
    problems.push(problem(vip.spread.reason, vip.spread.message));
  }
  const rules = vip.nftables ?? 'Loaded';
  if (rules !== 'Loaded' && rules !== 'Off') {
    problems.push(problem(rules, `the nftables rules of ${holder} are not in its kernel (${rules})`));
  }
  return problems;
}

/**
 * The problem of an address that is not announced. If all nodes are ruled out for the same reason, the remedy
 * is that of this reason.
 */
function silent({ reason, nodes }: ExplainedVip, what: string): Problem {
  if (reason !== 'NoCandidate' && reason !== 'NoUsableLink' && reason !== 'Pending') return problem(reason, what);
  const reasons = new Set(nodes.map(({ reason: found }) => found));
  const [only] = reasons;
  const cure = reasons.size === 1 && only !== undefined ? remedies[only] : undefined;
  const why = [...reasons].map((one) => `${one}: ${named(nodes, one)}`).join('; ');
  if (reason === 'Pending' && nodes.some(mayAnnounce)) return problem(reason, what);
  return { reason, what: `${what} (${why})`, todo: cure ?? remedyOf('NoCandidate') };
}

function named(nodes: readonly NodeEligibility[], reason: NodeEligibility['reason']): string {
  const found = nodes.filter((node) => node.reason === reason);
  const details = [...new Set(found.map(({ detail }) => detail))];
  const groups = details.map((detail) => {
    const names = found.filter((node) => node.detail === detail).map(({ node }) => node);
    return `${names.join(', ')}${detail === '' ? '' : ` (${detail})`}`;
  });
  return groups.join('; ');
}

const remedies: Readonly<Partial<Record<NodeEligibility['reason'], string>>> = {
  NoSpeaker:
    "start speakers: check the Pods in Berth's namespace, and the chart values speaker.nodeSelector and speaker.tolerations",
  Excluded:
    'remove the label node.kubernetes.io/exclude-from-external-load-balancers from a node that should announce the address',
  NotSelected: 'correct nodeSelectors of the L2Advertisement: they select none of the nodes',
  LinkNotNamed: 'correct interfaces of the L2Advertisement: the nodes have other links in the subnet',
  NoLink:
    "use addresses of the nodes' network in the pool, or name the link exactly in interfaces of the L2Advertisement",
  Draining: 'kubectl berth undrain NODE, for one of the nodes',
  NotAlive: "check the speakers' Pods, and that UDP 7932 passes between the nodes",
};
