/** Parses objects of the API server into the facts that the doctor judges. */
import type { RawMeta } from '../../api/meta.ts';
import { parseTime } from '../../api/time.ts';
import type { RawContainer, RawWorkload } from '../cluster/installation.ts';
import { readYaml } from '../yaml/read.ts';
import type { KubeProxyConfig, PodState, Warning, Workload } from './facts.ts';

interface ContainerState {
  readonly ready?: boolean;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
  readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly exitCode?: number } };
}

/** A Pod with the fields that show why it is not ready. */
export interface RawPodState {
  readonly metadata: RawMeta;
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly { readonly image?: string }[] };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly ContainerState[];
  };
}

/** Parses the state of a Pod. */
export function podStateOf({ metadata, spec, status = {} }: RawPodState): PodState {
  const is = (type: string) => status.conditions?.find((one) => one.type === type);
  const ready = is('Ready')?.status === 'True' && metadata.deletionTimestamp === undefined;
  const scheduled = is('PodScheduled');
  const [container] = status.containerStatuses ?? [];
  const unscheduled =
    scheduled?.status === 'False' ? `${scheduled.reason ?? 'Unschedulable'}: ${scheduled.message ?? ''}` : '';
  return {
    name: metadata.name,
    role: metadata.labels?.['app.kubernetes.io/component'] ?? '',
    node: spec?.nodeName ?? '',
    ready,
    image: spec?.containers?.[0]?.image ?? '',
    trouble: ready
      ? ''
      : metadata.deletionTimestamp
        ? 'it is being deleted'
        : unscheduled || troubleOf(container) || (status.phase ?? ''),
  };
}

function troubleOf({ state, lastState }: ContainerState = {}): string {
  const { reason, message } = state?.waiting ?? {};
  const ended = state?.terminated ?? lastState?.terminated;
  const end = ended && `its container ended with status ${ended.exitCode ?? '?'} (${ended.reason ?? 'no reason'})`;
  const waiting = reason && (message ? `${reason}: ${message}` : reason);
  return [waiting, end].filter((text) => text).join('; ') || 'its readiness probe fails';
}

/** Parses a Deployment or DaemonSet. */
export function workloadOf(
  kind: Workload['kind'],
  { metadata, spec, status = {} }: RawWorkload & { readonly status?: Readonly<Record<string, unknown>> },
): Workload {
  const count = (field: string) => (typeof status[field] === 'number' ? status[field] : 0);
  return {
    ...{ kind, name: metadata.name, namespace: metadata.namespace ?? '' },
    labels: { ...spec?.template?.metadata?.labels, ...metadata.labels },
    ...programsOf(spec?.template?.spec?.containers),
    wanted: kind === 'Deployment' ? (spec?.replicas ?? 1) : count('desiredNumberScheduled'),
    ready: kind === 'Deployment' ? count('readyReplicas') : count('numberReady'),
  };
}

/** A Pod that a kubelet runs from a file: its copy in the API has the annotation of the kubelet. */
export interface RawStaticPod {
  readonly metadata: RawMeta;
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly RawContainer[] };
}

/** Parses the static Pods among these Pods. The name of the node is at the end of theirs. */
export function staticPodsOf(pods: readonly RawStaticPod[]): readonly Workload[] {
  const found = new Map<string, Workload>();
  for (const { metadata, spec } of pods) {
    if (metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) continue;
    const end = `-${spec?.nodeName ?? ''}`;
    const name = metadata.name.endsWith(end) ? metadata.name.slice(0, -end.length) : metadata.name;
    const known = { kind: 'Pod', namespace: metadata.namespace ?? '', name, labels: metadata.labels ?? {} } as const;
    found.set(name, { ...known, ...programsOf(spec?.containers), wanted: 1, ready: 1 });
  }
  return [...found.values()];
}

function programsOf(containers: readonly RawContainer[] = []): Pick<Workload, 'images' | 'args' | 'env'> {
  const variables = containers.flatMap(({ env = [] }) => env);
  return {
    images: containers.flatMap(({ image }) => image ?? []),
    args: containers.flatMap(({ command = [], args = [] }) => [...command, ...args]),
    env: Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  };
}

/** The range of cluster IPs in kubeadm's ConfigMap: the text of `networking.serviceSubnet`; undefined if it is not there. */
export function serviceSubnetOf(data: Readonly<Record<string, string>>): string | undefined {
  const config = readYaml(data.ClusterConfiguration ?? '')[0]?.value as
    | {
        readonly networking?: { readonly serviceSubnet?: unknown };
      }
    | undefined;
  const subnet = config?.networking?.serviceSubnet;
  return typeof subnet === 'string' ? subnet : undefined;
}

/**
 * Parses kubeadm's ConfigMap for kube-proxy: a KubeProxyConfiguration under `config.conf`. Returns undefined
 * if it cannot be read.
 */
export function kubeProxyOf(data: Readonly<Record<string, string>>): KubeProxyConfig | undefined {
  const text = data['config.conf'] ?? data['kube-proxy-config.yml'] ?? data['config.yaml'];
  if (text === undefined) return undefined;
  const [document] = readYaml(text);
  if (document?.fault !== undefined) return undefined;
  const { mode, ipvs } = (document?.value ?? {}) as {
    readonly mode?: string;
    readonly ipvs?: { readonly strictARP?: boolean };
  };
  // The default on Linux is iptables.
  return { mode: mode || 'iptables', strictArp: ipvs?.strictARP === true };
}

/** An Event of the core group, as the API server sends it. */
export interface RawEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** The Warning Events since a time, the newest first, one for each object and reason. */
export function warningsOf(events: readonly RawEvent[], since: number): readonly Warning[] {
  const at = ({ lastTimestamp, eventTime }: RawEvent) => parseTime(lastTimestamp ?? eventTime ?? '') || 0;
  const recent = events.filter((event) => event.type === 'Warning' && at(event) >= since).sort((a, b) => at(b) - at(a));
  const newestFirst = recent.map(({ involvedObject, reason = '', message = '' }) => {
    const object = `${involvedObject?.kind ?? ''} ${involvedObject?.name ?? ''}`;
    return { object, reason, message };
  });
  return newestFirst.filter(
    (one, i) => newestFirst.findIndex(({ object, reason }) => object === one.object && reason === one.reason) === i,
  );
}
