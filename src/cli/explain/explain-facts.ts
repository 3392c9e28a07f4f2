/** Collects the facts of `explain` for a Service. */
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import { crowdedOut, handOffOf } from '../../api/hand-off.ts';
import type { ServiceView } from '../../api/service.ts';
import { explainAllocation } from '../../ipam/explain.ts';
import { allocationSnapshot, type Cluster } from '../cluster/cluster.ts';
import type { Evaluation } from '../cluster/evaluation.ts';
import { type ServiceState, serviceStates } from '../cluster/service-state.ts';
import { faultsOf } from '../cluster/speakers.ts';
import type { VipState } from '../cluster/vip-state.ts';
import type { ExplainedPath, ExplainedVip, ExplainFacts, Problem } from './explained.ts';
import { advertisementsOf, mayAnnounce, nodeEligibilities } from './node-eligibility.ts';
import { problem, problemsOf } from './problems.ts';
import { unheardSpeakers, unheardText } from './unheard-speakers.ts';

/** Explains a Service of type LoadBalancer. */
export function explainFacts(evaluation: Evaluation, service: ServiceView): ExplainFacts {
  const state = serviceStates(evaluation).find((one) => one.service === service.key) as ServiceState;
  const { looks } = explainAllocation(allocationSnapshot(evaluation.cluster), service.key);
  const vips = evaluation.vips
    .filter(({ services, reservedUntil }) => services.includes(service.key) && reservedUntil === undefined)
    .map((vip) => explainVip(vip, { service, evaluation }));
  const path = pathOf(evaluation, service);
  const facts = { service: state, class: service.class, pools: looks, vips, path, notes: notesOf(evaluation, vips) };
  return { ...facts, problems: [...problemsOf(facts), ...unheardProblems(evaluation, vips)] };
}

/** Speakers that get no heartbeats from the holder: they cannot take over when it dies. */
function unheardProblems({ answers, cluster }: Evaluation, vips: readonly ExplainedVip[]): readonly Problem[] {
  const holders = new Set(vips.flatMap(({ holder = [] }) => holder));
  const isMissed = (node: string) => holders.has(node);
  return unheardSpeakers(answers)
    .filter(({ never, lost }) => never.some(isMissed) || lost.some(isMissed))
    .map((unheard) => problem('LivenessBlocked', unheardText(unheard, cluster.installation.settings.livenessPort)));
}

function explainVip(
  vip: VipState,
  { service, evaluation }: { readonly service: ServiceView; readonly evaluation: Evaluation },
): ExplainedVip {
  const { address, pool, holder } = vip;
  const nodes = nodeEligibilities(evaluation, {
    address: address as Ip,
    pool,
    holder,
    localService: service.local ? service.key : undefined,
  });
  const candidates = nodes.filter(({ reason }) => reason === 'Candidate').map(({ node }) => node);
  const holderStatus = evaluation.answers.find(({ node }) => node === holder)?.status;
  const isSpread = advertisementsOf(evaluation, { address: address as Ip, pool }).some(
    ({ distribution }) => distribution === 'Spread',
  );
  return {
    ...vip,
    nodes,
    next: evaluation.ranking.first(address as Ip, candidates, () => true),
    distribution: isSpread ? 'Spread' : 'Single',
    spread: holderStatus?.vips.find((one) => one.address === address)?.spread,
    nftables: holderStatus?.dataPath.nftables,
  };
}

function pathOf({ cluster }: Evaluation, service: ServiceView): ExplainedPath {
  const { handOff } = cluster.installation.settings;
  return {
    handOff: handOffOf(service, handOff, crowdedOut(cluster.services, handOff)),
    policy: service.local ? 'Local' : 'Cluster',
    ports: service.ports.map(({ protocol, port }) => `${port}/${protocol}`),
    endpoints: service.families.map((family) => ({ family, nodes: readyPerNode(cluster, service, family) })),
    sourceRanges: service.sourceRanges.length,
  };
}

/** Counts the ready endpoints of a family on each node; a slice has one family. */
function readyPerNode({ endpointSlices }: Cluster, { key }: ServiceView, family: Family) {
  const counts = new Map<string, number>();
  for (const { service, endpoints } of endpointSlices) {
    if (service !== key) continue;
    for (const { node, ready, addresses } of endpoints) {
      const isOf = addresses.some((address) => familyOf(address) === family);
      if (ready && isOf) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
  return [...counts].sort().map(([node, ready]) => ({ node, ready }));
}

function notesOf({ cluster, answers }: Evaluation, vips: readonly ExplainedVip[]): readonly string[] {
  const notes = [...faultsOf(answers)];
  const labelled = new Set(cluster.nodes.filter(({ excluded }) => excluded).map(({ name }) => name));
  const used = vips.flatMap(({ nodes }) => nodes.filter((one) => labelled.has(one.node) && mayAnnounce(one)));
  if (used.length > 0) {
    const all = labelled.size === cluster.nodes.length ? 'all nodes' : 'all nodes that could announce the address';
    notes.push(
      `${all} carry the label node.kubernetes.io/exclude-from-external-load-balancers: Berth ignores it, because otherwise no node could announce the address`,
    );
  }
  return notes;
}
