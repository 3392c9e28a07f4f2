/** The facts that the doctor judges: the data of the API server, and the status of each speaker. */
import type { RangeSet } from '../../addr/range-set.ts';
import type { AdvertisementView } from '../../api/advertisement.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { NodeView } from '../../api/node.ts';
import type { NodeFacts } from '../../api/node-facts.ts';
import type { PoolView } from '../../api/pool.ts';
import type { ServiceView } from '../../api/service.ts';
import type { Ownership } from '../../ipam/ownership.ts';

/** The result of a reading that may fail: the value, or why it could not be read. */
export type ReadResult<T> = { readonly value: T } | { readonly why: string };

/** A Deployment or DaemonSet of any namespace, or a static Pod of kube-system. */
export interface Workload {
  readonly kind: 'Deployment' | 'DaemonSet' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly images: readonly string[];
  /** Its commands and their arguments. */
  readonly args: readonly string[];
  /** The environment variables that have a value in the template; undefined: not known. */
  readonly env?: Readonly<Record<string, string>>;
  /** The number of Pods that it asks for, and of those that are ready. */
  readonly wanted: number;
  readonly ready: number;
}

/** A Pod of Berth, and why it is not ready. */
export interface PodState {
  readonly name: string;
  readonly role: string;
  readonly node: string;
  readonly ready: boolean;
  readonly image: string;
  /** The reason of the kubelet or the scheduler; empty if there is none. */
  readonly trouble: string;
}

/** The answer of one speaker. */
interface SpeakerReport {
  readonly node: string;
  /** Why it did not answer; undefined if it did. */
  readonly fault: string | undefined;
  readonly status: JudgedStatus | undefined;
}

/** The part of a speaker's status that the doctor judges. */
export interface JudgedStatus {
  readonly version: string;
  readonly links: readonly {
    readonly name: string;
    readonly mac: string;
    readonly addresses: readonly string[];
    readonly unusable?: string;
    readonly noInboundTraffic: boolean;
    readonly blocked: readonly string[];
  }[];
  readonly peers: readonly { readonly node: string; readonly liveness: string; readonly reason?: string }[];
  readonly dataPath: { readonly nftables: string; readonly refused?: readonly string[] };
  readonly facts?: Partial<NodeFacts>;
}

/** The configuration of kube-proxy. */
export interface KubeProxyConfig {
  readonly mode: string;
  readonly strictArp: boolean;
}

/** A Warning Event about an object in Berth's namespace. */
export interface Warning {
  readonly object: string;
  readonly reason: string;
  readonly message: string;
}

/** Settings of network plugins that show whether they give addresses to Services. */
export interface OtherAllocators {
  /** Names of CiliumLoadBalancerIPPools that are not disabled. */
  readonly ciliumPools: readonly string[];
  /** Which part of Cilium serves Services without a class: `lbipam`, `nodeipam` or `none`; undefined: the default, `lbipam`. */
  readonly ciliumDefault: string | undefined;
  /**
   * The Services that Calico's controllers give addresses to (`AllServices`, `RequestedServicesOnly`);
   * undefined if none.
   */
  readonly calico: string | undefined;
  /** Names of Calico's IPPools for LoadBalancers. */
  readonly calicoPools: readonly string[];
}

/** All facts. */
export interface Facts {
  /** Berth's namespace. */
  readonly namespace: string;
  /** Other places where Berth is installed. */
  readonly otherInstallations: readonly string[];
  readonly namespaceLabels: ReadResult<Readonly<Record<string, string>>>;
  readonly ownership: Ownership;
  readonly pods: readonly PodState[];
  /** The nodes without a speaker that should run one. */
  readonly nodesMissingSpeakers: readonly string[];
  readonly pools: readonly PoolView[];
  readonly advertisements: readonly AdvertisementView[];
  readonly nodes: readonly NodeView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  /** Addresses of Pods, by node: the ranges in the Nodes' spec, or else the addresses of some Pods. */
  readonly podRanges: ReadonlyMap<string, RangeSet>;
  /** Whether `podRanges` has the addresses of some Pods only. */
  readonly arePodsSampled: boolean;
  /** The ranges of cluster IPs. */
  readonly serviceRanges: ReadResult<RangeSet>;
  /** `spec.externalIPs` of Services, by the Service's key. */
  readonly externalIps: ReadonlyMap<string, RangeSet>;
  readonly kubeProxy: ReadResult<KubeProxyConfig>;
  readonly workloads: ReadResult<readonly Workload[]>;
  /** Pods of kube-system that a kubelet runs from a file; one for all nodes with the same name. */
  readonly staticPods: ReadResult<readonly Workload[]>;
  readonly others: ReadResult<OtherAllocators>;
  /** Whether the cluster also serves MetalLB's kinds, which have the names of Berth's. */
  readonly servesMetalLb: ReadResult<boolean>;
  readonly speakers: readonly SpeakerReport[];
  readonly warnings: ReadResult<readonly Warning[]>;
  /** Names of the ValidatingAdmissionPolicies that have a binding. */
  readonly boundPolicies: ReadResult<readonly string[]>;
}

/** The speakers that answered. */
export function answeringSpeakers({ speakers }: Facts): readonly (SpeakerReport & { readonly status: JudgedStatus })[] {
  return speakers.filter((one): one is SpeakerReport & { readonly status: JudgedStatus } => one.status !== undefined);
}

/** Whether the nftables rules are loaded on every node whose speaker answered. */
export function hasNftablesRules(facts: Facts): boolean {
  const all = answeringSpeakers(facts);
  return all.length > 0 && all.every(({ status }) => status.dataPath.nftables === 'Loaded');
}
