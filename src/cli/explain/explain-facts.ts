/** Finds out what `explain` tells of a Service. */
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import { handOffOf } from '../../api/hand-off.ts';
import type { ServiceView } from '../../api/service.ts';
import { explainAllocation } from '../../ipam/explain.ts';
import { allocationSnapshot, type Cluster } from '../cluster/cluster.ts';
import type { Evaluation } from '../cluster/evaluation.ts';
import { type ServiceState, serviceStates } from '../cluster/service-state.ts';
import { faultsOf } from '../cluster/speakers.ts';
import type { VipState } from '../cluster/vip-state.ts';
import type { ExplainedPath, ExplainedVip, ExplainFacts, Problem } from './explained.ts';
import { advertisementsOf, nodeEligibilities } from './node-eligibility.ts';
import { problem, problemsOf } from './problems.ts';
import { unheardSpeakers, unheardText } from './unheard-speakers.ts';

/** Explains a Service of type LoadBalancer. */
export function explainFacts(picture: Evaluation, service: ServiceView): ExplainFacts {
  const state = serviceStates(picture).find((one) => one.service === service.key) as ServiceState;
  const { looks } = explainAllocation(allocationSnapshot(picture.cluster), service.key);
  const vips = picture.vips
    .filter(({ services, reservedUntil }) => services.includes(service.key) && reservedUntil === undefined)
    .map((vip) => explainVip(vip, { service, picture }));
  const path = pathOf(picture, service);
  const facts = { service: state, class: service.class, pools: looks, vips, path, notes: notesOf(picture, vips) };
  return { ...facts, problems: [...problemsOf(facts), ...deafnessProblems(picture, vips)] };
}

/** Those who do not hear the holder cannot take over when it dies. */
function deafnessProblems({ answers, cluster }: Evaluation, vips: readonly ExplainedVip[]): readonly Problem[] {
  const holders = new Set(vips.flatMap(({ holder = [] }) => holder));
  const isMissed = (node: string) => holders.has(node);
  return unheardSpeakers(answers)
    .filter(({ never, lost }) => never.some(isMissed) || lost.some(isMissed))
    .map((deafness) => problem('LivenessBlocked', unheardText(deafness, cluster.installation.settings.livenessPort)));
}

function explainVip(
  vip: VipState,
  { service, picture }: { readonly service: ServiceView; readonly picture: Evaluation },
): ExplainedVip {
  const { address, pool, holder } = vip;
  const nodes = nodeEligibilities(picture, {
    address: address as Ip,
    pool,
    holder,
    localService: service.local ? service.key : undefined,
  });
  const candidates = nodes.filter(({ reason }) => reason === 'Candidate').map(({ node }) => node);
  const told = picture.answers.find(({ node }) => node === holder)?.status;
  const isSpread = advertisementsOf(picture, pool).some(({ distribution }) => distribution === 'Spread');
  return {
    ...vip,
    nodes,
    next: picture.ranking.first(address as Ip, candidates, () => true),
    distribution: isSpread ? 'Spread' : 'Single',
    spread: told?.vips.find((one) => one.address === address)?.spread,
    nftables: told?.dataPath.nftables,
  };
}

function pathOf({ cluster }: Evaluation, service: ServiceView): ExplainedPath {
  return {
    handOff: handOffOf(service, cluster.installation.settings.handOff),
    policy: service.local ? 'Local' : 'Cluster',
    ports: service.ports.map(({ protocol, port }) => `${port}/${protocol}`),
    endpoints: service.families.map((family) => ({ family, nodes: readyPerNode(cluster, service, family) })),
    sourceRanges: service.sourceRanges.length,
  };
}

/** How many endpoints of a family are ready on each node; a slice has one family. */
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
  if (vips.length > 0 && cluster.nodes.length > 0 && cluster.nodes.every(({ excluded }) => excluded)) {
    const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
    notes.push(`all nodes carry the label ${label}: it is not obeyed, or nobody could announce anything`);
  }
  return notes;
}
