/**
 * Reads the facts that the doctor judges. A part that may not be read, or does not exist, has the reason in
 * its place.
 */
import { isRange, parseRange } from '../../addr/range.ts';
import { type RangeSet, rangeSet } from '../../addr/range-set.ts';
import type { RawNode } from '../../api/node.ts';
import type { RawService } from '../../api/service.ts';
import { collections, podsPath } from '../../kube/resources.ts';
import { readCluster } from '../cluster/cluster.ts';
import { nodesMissingSpeakers } from '../cluster/missing-speakers.ts';
import { ask, listAll, listIfServed, readOne } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import { askSpeakers } from '../cluster/speakers.ts';
import { exits, Failure } from '../output/failure.ts';
import type { Facts, PodState, Warning } from './facts.ts';
import { podStateOf, type RawEvent, type RawPodState, serviceSubnetOf, warningsOf } from './parse-facts.ts';
import { readPrograms } from './read-programs.ts';
import { tryRead } from './try-read.ts';

/** Reads everything once. Throws a Failure if Berth's own objects cannot be read. */
export async function gatherFacts(session: Session): Promise<Facts> {
  const reach = await session.reach();
  const cluster = await readCluster(session, { any: true });
  const { installation, pools, advertisements, nodes, services, ledger } = cluster;
  const { namespace, settings, others: otherInstallations } = installation;
  const own = {
    namespace,
    otherInstallations,
    nodesMissingSpeakers: nodesMissingSpeakers(cluster),
    ownership: settings.ownership,
    pools,
    advertisements,
    nodes,
    services,
    ledger,
  };
  const [pods, podAddresses, externalIps, speakers] = await Promise.all([
    readPods(reach, namespace),
    readPodAddresses(reach),
    readExternalIps(reach),
    askSpeakers(session, installation),
  ]);
  const [namespaceLabels, serviceRanges, servesMetalLb, warnings, boundPolicies, programs] = await Promise.all([
    tryRead(() => readNamespaceLabels(reach, namespace)),
    tryRead(() => readServiceRanges(reach)),
    tryRead(async () => (await readOne(reach, '/apis/metallb.io')) !== undefined),
    tryRead(() => readWarnings(reach, namespace, cluster.now)),
    tryRead(() => readBoundPolicies(reach)),
    readPrograms(reach),
  ]);
  const results = { namespaceLabels, serviceRanges, servesMetalLb, warnings, boundPolicies, ...programs };
  return { ...own, ...results, ...podAddresses, pods, externalIps, speakers };
}

async function readNamespaceLabels(reach: Reach, namespace: string): Promise<Readonly<Record<string, string>>> {
  const object = await readOne<{ metadata: { labels?: Record<string, string> } }>(
    reach,
    `/api/v1/namespaces/${namespace}`,
  );
  return object?.metadata.labels ?? {};
}

async function readPods(reach: Reach, namespace: string): Promise<readonly PodState[]> {
  const pods = await listAll<RawPodState>(reach, podsPath(namespace), 'app.kubernetes.io/name=berth');
  return pods.map(podStateOf);
}

async function readExternalIps(reach: Reach): Promise<ReadonlyMap<string, RangeSet>> {
  const services = await listAll<RawService & { readonly spec: { readonly externalIPs?: readonly string[] } }>(
    reach,
    collections.services,
  );
  const entries = services.map(
    ({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, rangesOf(spec.externalIPs)] as const,
  );
  return new Map(entries.filter(([, ranges]) => ranges.length > 0));
}

type NodeTexts = readonly (readonly [node: string, ranges: readonly string[]])[];
type RawNodeRanges = RawNode & { readonly spec?: { readonly podCIDRs?: readonly string[] } };

async function readPodAddresses(reach: Reach): Promise<Pick<Facts, 'podRanges' | 'arePodsSampled'>> {
  const nodes = await listAll<RawNodeRanges>(reach, collections.nodes);
  const named = byNode(nodes.map(({ metadata, spec }) => [metadata.name, spec?.podCIDRs ?? []]));
  if (named.size > 0) return { podRanges: named, arePodsSampled: false };
  const sample = await tryRead(() => samplePods(reach));
  return { podRanges: byNode('value' in sample ? sample.value : []), arePodsSampled: true };
}

function byNode(texts: NodeTexts): ReadonlyMap<string, RangeSet> {
  const names = [...new Set(texts.map(([node]) => node))];
  const rangesAt = (name: string) => rangesOf(texts.filter(([node]) => node === name).flatMap(([, some]) => some));
  return new Map(names.map((name) => [name, rangesAt(name)] as const).filter(([, ranges]) => ranges.length > 0));
}

interface RawAddressedPod {
  readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status?: { readonly podIPs?: readonly { readonly ip?: string }[] };
}

/**
 * Reads the addresses of some Pods. Network plugins with their own ranges do not write them to the Nodes, and
 * to read all Pods would be too much.
 */
async function samplePods(reach: Reach): Promise<NodeTexts> {
  const request = { path: '/api/v1/pods', query: { limit: '200' } };
  const page = await ask<{ readonly items?: readonly RawAddressedPod[] }>(reach, request, 'list');
  const pods = (page.items ?? []).filter(({ spec }) => spec?.hostNetwork !== true);
  return pods.map(({ spec, status }) => [spec?.nodeName ?? '', (status?.podIPs ?? []).flatMap(({ ip }) => ip ?? [])]);
}

/** Reads the ServiceCIDRs, which exist in every cluster from Kubernetes 1.33 on, or the settings of kubeadm. */
async function readServiceRanges(reach: Reach): Promise<RangeSet> {
  const ranges = await listIfServed<{ readonly spec?: { readonly cidrs?: readonly string[] } }>(
    reach,
    '/apis/networking.k8s.io/v1/servicecidrs',
  );
  if (ranges !== undefined) return rangesOf(ranges.flatMap(({ spec }) => spec?.cidrs ?? []));
  const path = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';
  const map = await readOne<{ readonly data?: Readonly<Record<string, string>> }>(reach, path);
  const subnet = serviceSubnetOf(map?.data ?? {});
  if (subnet !== undefined) return rangesOf(subnet.split(','));
  const what = 'the API server serves no ServiceCIDRs (Kubernetes before 1.33), and there are no settings of kubeadm';
  throw new Failure(exits.unreachable, `the ranges of cluster IPs are not known: ${what}`);
}

function rangesOf(texts: readonly string[] = []): RangeSet {
  return rangeSet(texts.map(parseRange).filter(isRange));
}

const hourMs = 3_600_000;

async function readWarnings(reach: Reach, namespace: string, now: number): Promise<readonly Warning[]> {
  const events = await listAll<RawEvent>(reach, `/api/v1/namespaces/${namespace}/events`);
  return warningsOf(events, now - hourMs);
}

async function readBoundPolicies(reach: Reach): Promise<readonly string[]> {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
  const bindings = await listAll<{ readonly spec?: { readonly policyName?: string } }>(reach, path);
  return bindings.flatMap(({ spec }) => spec?.policyName ?? []);
}
