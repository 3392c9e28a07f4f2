/** Nodes, and the speaker Pods on them: who could announce. */
import { type Ip, parseIp } from '../addr/ip.ts';
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** Label that keeps a node out of load balancing (Kubernetes' own). */
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Annotation that takes all VIPs away from a node, with whatever value. */
export const drainAnnotation = 'berth.dev/drain';

/** Annotation of a speaker's Pod: Berth is being uninstalled, and its rules are to leave the kernel. */
export const uninstallAnnotation = 'berth.dev/uninstall';

/** Node as the API server sends it. */
export interface RawNode {
  readonly metadata: RawMeta;
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** What we need of a node. */
export interface NodeView extends Identity {
  readonly labels: Readonly<Record<string, string>>;
  /** Carries the label that keeps it out of load balancing, with whatever value. */
  readonly excluded: boolean;
  /** Addresses of its own, of any kind; names are left out. */
  readonly addresses: readonly Ip[];
  /** Those by which the nodes reach each other. */
  readonly internalAddresses: readonly Ip[];
  /** Its VIPs are to go elsewhere: a person wants it (annotation `berth.dev/drain`), or the node shuts down. */
  readonly draining: boolean;
}

/** The view of a node. */
export function parseNode(raw: RawNode): NodeView {
  const labels = raw.metadata.labels ?? {};
  const all = raw.status?.addresses ?? [];
  const ipsOf = (some: typeof all) => some.map(({ address }) => parseIp(address)).filter((ip) => ip !== undefined);
  return {
    ...identityOf(raw.metadata),
    labels,
    excluded: Object.hasOwn(labels, excludeLabel),
    addresses: ipsOf(all),
    internalAddresses: ipsOf(all.filter(({ type }) => type === 'InternalIP')),
    draining: Object.hasOwn(raw.metadata.annotations ?? {}, drainAnnotation) || isShuttingDown(raw),
  };
}

/** The kubelet says so when systemd asks it to wait (graceful node shutdown), before it ends any Pod. */
function isShuttingDown({ status }: RawNode): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'False' && ready.message?.includes('node is shutting down') === true;
}

/** Pod as the API server sends it. */
export interface RawPod {
  readonly metadata: RawMeta;
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** What we need of a speaker's Pod. */
export interface SpeakerPodView extends Identity {
  readonly node: string;
  /** Ready, and not on its way out. */
  readonly ready: boolean;
  /** Its rules are to leave the kernel: see {@link uninstallAnnotation}. */
  readonly uninstalled: boolean;
}

/** The view of a speaker's Pod, or undefined before it is bound to a node. */
export function parseSpeakerPod(raw: RawPod): SpeakerPodView | undefined {
  const node = raw.spec?.nodeName;
  if (node === undefined || node === '') return undefined;
  const ready = raw.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const uninstalled = Object.hasOwn(raw.metadata.annotations ?? {}, uninstallAnnotation);
  return {
    ...identityOf(raw.metadata),
    node,
    ready: ready && raw.metadata.deletionTimestamp === undefined,
    uninstalled,
  };
}
