/** Nodes, and the speaker Pods on them: the nodes that can announce addresses. */
import { type Ip, parseSloppyIp } from '../addr/ip.ts';
import { isSet } from './annotations.ts';
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** Kubernetes' label that excludes a node from load balancing. */
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Annotation of a Node, with any value but one that means no: its VIPs must move to other nodes. */
export const drainAnnotation = 'berth.dev/drain';

/** Annotation of a speaker's Pod: Berth is being uninstalled, and the speaker must remove its rules from the kernel. */
export const uninstallAnnotation = 'berth.dev/uninstall';

/** Node as the API server sends it. */
export interface RawNode {
  readonly metadata: RawMeta;
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** The fields of a node that Berth uses. */
export interface NodeView extends Identity {
  readonly labels: Readonly<Record<string, string>>;
  /** It has the label that excludes it from load balancing, with any value. */
  readonly excluded: boolean;
  /** Its own addresses of every type, without host names. */
  readonly addresses: readonly Ip[];
  /** The addresses by which nodes reach each other. */
  readonly internalAddresses: readonly Ip[];
  /** Its VIPs must move to other nodes: it has the annotation `berth.dev/drain`, it is shutting down, or it is being deleted. */
  readonly draining: boolean;
}

/** The view of a node. */
export function parseNode(raw: RawNode): NodeView {
  const labels = raw.metadata.labels ?? {};
  const all = raw.status?.addresses ?? [];
  const ipsOf = (some: typeof all) =>
    some.map(({ address }) => parseSloppyIp(address)).filter((ip) => ip !== undefined);
  return {
    ...identityOf(raw.metadata),
    labels,
    excluded: Object.hasOwn(labels, excludeLabel),
    addresses: ipsOf(all),
    internalAddresses: ipsOf(all.filter(({ type }) => type === 'InternalIP')),
    draining: isSet(raw.metadata.annotations, drainAnnotation) || isEnding(raw),
  };
}

/**
 * The kubelet reports a shutdown before it ends any Pod (graceful node shutdown). A program that ends nodes, such as Karpenter, deletes the
 * Node first, and keeps it by a finalizer until the node is drained.
 */
function isEnding({ metadata, status }: RawNode): boolean {
  if (metadata.deletionTimestamp !== undefined) return true;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'False' && ready.message?.includes('node is shutting down') === true;
}

/** Pod as the API server sends it. */
export interface RawPod {
  readonly metadata: RawMeta;
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** The fields of a speaker's Pod that Berth uses. */
export interface SpeakerPodView extends Identity {
  readonly node: string;
  /** Ready and not terminating. */
  readonly ready: boolean;
  /** It must remove its rules from the kernel: see {@link uninstallAnnotation}. */
  readonly uninstalled: boolean;
}

/** The view of a speaker's Pod, or undefined before it is bound to a node. */
export function parseSpeakerPod(raw: RawPod): SpeakerPodView | undefined {
  const node = raw.spec?.nodeName;
  if (node === undefined || node === '') return undefined;
  const ready = raw.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const uninstalled = isSet(raw.metadata.annotations, uninstallAnnotation);
  return {
    ...identityOf(raw.metadata),
    node,
    ready: ready && raw.metadata.deletionTimestamp === undefined,
    uninstalled,
  };
}
