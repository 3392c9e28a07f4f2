/** Reads the programs that serve Services beside Berth: other load balancers, network plugins, kube-proxy. */
import { podsPath, workloadsPath } from '../../kube/resources.ts';
import type { RawWorkload } from '../cluster/installation.ts';
import { listAll, listIfServed, readOne } from '../cluster/read.ts';
import type { Reach } from '../cluster/session.ts';
import { exits, Failure } from '../output/failure.ts';
import type { Facts, KubeProxyConfig, OtherAllocators, Workload } from './facts.ts';
import { kubeProxyOf, type RawStaticPod, staticPodsOf, workloadOf } from './parse-facts.ts';
import { tryRead } from './try-read.ts';

/** Reads them. A part that may not be read has the reason in its place. */
export async function readPrograms(
  reach: Reach,
): Promise<Pick<Facts, 'kubeProxy' | 'workloads' | 'staticPods' | 'others'>> {
  const [kubeProxy, workloads, staticPods, others] = await Promise.all([
    tryRead(() => readKubeProxy(reach)),
    tryRead(() => readWorkloads(reach)),
    tryRead(() => readStaticPods(reach)),
    tryRead(() => readOtherAllocators(reach)),
  ]);
  return { kubeProxy, workloads, staticPods, others };
}

interface RawConfigMap {
  readonly data?: Readonly<Record<string, string>>;
}

async function readKubeProxy(reach: Reach): Promise<KubeProxyConfig> {
  const path = '/api/v1/namespaces/kube-system/configmaps/kube-proxy';
  const map = await readOne<RawConfigMap>(reach, path);
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

async function readStaticPods(reach: Reach): Promise<readonly Workload[]> {
  return staticPodsOf(await listAll<RawStaticPod>(reach, podsPath('kube-system')));
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
    readCilium(reach),
    readOne<CalicoController>(reach, `${calicoApi}/kubecontrollersconfigurations/default`),
    listIfServed<Named & { readonly spec?: { readonly allowedUses?: readonly string[] } }>(
      reach,
      `${calicoApi}/ippools`,
    ),
  ]);
  const loadBalancer = configuration?.spec?.controllers?.loadBalancer;
  return {
    ...cilium,
    calico: loadBalancer && (loadBalancer.assignIPs ?? 'AllServices'),
    calicoPools: (ipPools ?? [])
      .filter(({ spec }) => spec?.allowedUses?.includes('LoadBalancer'))
      .map(({ metadata }) => metadata.name),
  };
}

/** Cilium's pools that give out addresses, and which Services get them. Cilium 1.18 serves the kind as v2, older versions as v2alpha1. */
async function readCilium(reach: Reach): Promise<Pick<OtherAllocators, 'ciliumPools' | 'ciliumDefault'>> {
  type Pool = Named & { readonly spec?: { readonly disabled?: boolean } };
  const path = (version: string) => `/apis/cilium.io/${version}/ciliumloadbalancerippools`;
  const pools = (await listIfServed<Pool>(reach, path('v2'))) ?? (await listIfServed<Pool>(reach, path('v2alpha1')));
  if (pools === undefined) return { ciliumPools: [], ciliumDefault: undefined };
  const config = await tryRead(() =>
    readOne<RawConfigMap>(reach, '/api/v1/namespaces/kube-system/configmaps/cilium-config'),
  );
  const settings = ('value' in config ? config.value?.data : undefined) ?? {};
  return {
    ciliumPools: pools.filter(({ spec }) => spec?.disabled !== true).map(({ metadata }) => metadata.name),
    ciliumDefault: settings['enable-lb-ipam'] === 'false' ? 'none' : settings['default-lb-service-ipam'],
  };
}
