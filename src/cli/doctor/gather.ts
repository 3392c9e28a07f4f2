/**
 * Reads the facts that the doctor judges. A part that may not be read, or does not exist, has the reason in
 * its place.
 */
import { isRange, parseRange } from '../../addr/range.ts';
import { type RangeSet, rangeSet } from '../../addr/range-set.ts';
import type { RawNode } from '../../api/node.ts';
import type { RawService } from '../../api/service.ts';
import { collections, podsPath, workloadsPath } from '../../kube/resources.ts';
import { readCluster } from '../cluster/cluster.ts';
import type { RawWorkload } from '../cluster/installation.ts';
import { ask, listAll, readOne } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import { askSpeakers } from '../cluster/speakers.ts';
import { exits, Failure } from '../output/failure.ts';
import type { Facts, KubeProxyConfig, OtherAllocators, PodState, ReadResult, Warning, Workload } from './facts.ts';
import { kubeProxyOf, podStateOf, type RawEvent, type RawPodState, warningsOf, workloadOf } from './parse-facts.ts';

/** Reads everything once. Throws a Failure if Berth's own objects cannot be read. */
export async function gatherFacts(session: Session): Promise<Facts> {
  const reach = await session.reach();
  const cluster = await readCluster(session, { any: true });
  const { installation, pools, advertisements, nodes, services, ledger } = cluster;
  const { namespace, settings, others: otherInstallations } = installation;
  const own = {
    namespace,
    otherInstallations,
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
  const [namespaceLabels, serviceRanges, kubeProxy, workloads, others, warnings, boundPolicies] = await Promise.all([
    tryRead(() => readNamespaceLabels(reach, namespace)),
    tryRead(() => readServiceRanges(reach)),
    tryRead(() => readKubeProxy(reach)),
    tryRead(() => readWorkloads(reach)),
    tryRead(() => readOtherAllocators(reach)),
    tryRead(() => readWarnings(reach, namespace, cluster.now)),
    tryRead(() => readBoundPolicies(reach)),
  ]);
  const results = { namespaceLabels, serviceRanges, kubeProxy, workloads, others, warnings, boundPolicies };
  return { ...own, ...results, ...podAddresses, pods, externalIps, speakers };
}

/** Reads a part; a Failure becomes the reason in the result. */
async function tryRead<T>(read: () => Promise<T>): Promise<ReadResult<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { why: error.message };
  }
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

/** Reads the ServiceCIDRs, which exist in every cluster from Kubernetes 1.33 on. */
async function readServiceRanges(reach: Reach): Promise<RangeSet> {
  const objects = await listAll<{ readonly spec?: { readonly cidrs?: readonly string[] } }>(
    reach,
    '/apis/networking.k8s.io/v1/servicecidrs',
  );
  return rangesOf(objects.flatMap(({ spec }) => spec?.cidrs ?? []));
}

function rangesOf(texts: readonly string[] = []): RangeSet {
  return rangeSet(texts.map(parseRange).filter(isRange));
}

async function readKubeProxy(reach: Reach): Promise<KubeProxyConfig> {
  const path = '/api/v1/namespaces/kube-system/configmaps/kube-proxy';
  const map = await readOne<{ readonly data?: Readonly<Record<string, string>> }>(reach, path);
  const config = map && kubeProxyOf(map.data ?? {});
  if (config) return config;
  const what = map
    ? 'has no readable configuration'
    : 'does not exist: kube-proxy was not set up by kubeadm, or another program replaces it';
  throw new Failure(
    exits.unreachable,
    `the mode of kube-proxy is unknown: the ConfigMap kube-system/kube-proxy ${what}`,
  );
}

async function readWorkloads(reach: Reach): Promise<readonly Workload[]> {
  const kinds = [
    ['Deployment', 'deployments'],
    ['DaemonSet', 'daemonsets'],
  ] as const;
  const lists = await Promise.all(
    kinds.map(async ([kind, path]) =>
      (await listAll<RawWorkload>(reach, workloadsPath(path))).map((raw) => workloadOf(kind, raw)),
    ),
  );
  return lists.flat();
}

interface Named {
  readonly metadata: { readonly name: string };
}

interface CalicoController {
  readonly spec?: { readonly controllers?: { readonly loadBalancer?: { readonly assignIPs?: string } } };
}

async function readOtherAllocators(reach: Reach): Promise<OtherAllocators> {
  const calicoApi = '/apis/crd.projectcalico.org/v1';
  const [cilium, configuration, ipPools] = await Promise.all([
    listIfServed<Named>(reach, '/apis/cilium.io/v2alpha1/ciliumloadbalancerippools'),
    readOne<CalicoController>(reach, `${calicoApi}/kubecontrollersconfigurations/default`),
    listIfServed<Named & { readonly spec?: { readonly allowedUses?: readonly string[] } }>(
      reach,
      `${calicoApi}/ippools`,
    ),
  ]);
  const loadBalancer = configuration?.spec?.controllers?.loadBalancer;
  return {
    ciliumPools: cilium.map(({ metadata }) => metadata.name),
    calico: loadBalancer && (loadBalancer.assignIPs ?? 'AllServices'),
    calicoPools: ipPools
      .filter(({ spec }) => spec?.allowedUses?.includes('LoadBalancer'))
      .map(({ metadata }) => metadata.name),
  };
}

/** Lists the objects of a kind; none if the cluster does not serve the kind. */
async function listIfServed<T>(reach: Reach, path: string): Promise<readonly T[]> {
  return (await readOne<{ readonly items?: readonly T[] }>(reach, path))?.items ?? [];
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
