/** All that the doctor judges: what the API server says, and what each speaker says of its node. */
import type { RangeSet } from '../../addr/range-set.ts';
import type { AdvertisementView } from '../../api/advertisement.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { NodeView } from '../../api/node.ts';
import type { NodeFacts } from '../../api/node-facts.ts';
import type { PoolView } from '../../api/pool.ts';
import type { ServiceView } from '../../api/service.ts';
import type { Ownership } from '../../ipam/ownership.ts';

/** Something that was looked for: it may be forbidden to look, or not be there to be looked at. */
export type ReadResult<T> = { readonly value: T } | { readonly why: string };

/** A Deployment or DaemonSet of any namespace. */
export interface Workload {
  readonly kind: 'Deployment' | 'DaemonSet';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly images: readonly string[];
  readonly args: readonly string[];
  /** How many Pods it should have, and has. */
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
  /** In the kubelet's or the scheduler's words; empty where nobody says. */
  readonly trouble: string;
}

/** What one speaker told. */
export interface SpeakerReport {
  readonly node: string;
  /** Why it could not be asked; undefined: it could. */
  readonly fault: string | undefined;
  readonly status: JudgedStatus | undefined;
}

/** The part of a speaker's status that is judged. */
export interface JudgedStatus {
  readonly version: string;
  readonly links: readonly {
    readonly name: string;
    readonly mac: string;
    readonly addresses: readonly string[];
    readonly unusable?: string;
    readonly deaf: boolean;
    readonly blocked: readonly string[];
  }[];
  readonly peers: readonly { readonly node: string; readonly liveness: string; readonly reason?: string }[];
  readonly dataPath: { readonly nftables: string };
  readonly facts?: Partial<NodeFacts>;
}

/** What kube-proxy was told; `config` is undefined where there is no such ConfigMap. */
export interface KubeProxyConfig {
  readonly mode: string;
  readonly strictArp: boolean;
}

/** A Warning that was written about an object of Berth's namespace. */
export interface Warning {
  readonly object: string;
  readonly reason: string;
  readonly message: string;
}

/** Other programs' settings that tell whether they give addresses to Services. */
export interface OtherAllocators {
  /** Names of CiliumLoadBalancerIPPools. */
  readonly ciliumPools: readonly string[];
  /** What Calico's controllers assign addresses to (`AllServices`, `RequestedServicesOnly`); undefined: it does not. */
  readonly calico: string | undefined;
  /** Names of Calico's IPPools for LoadBalancers. */
  readonly calicoPools: readonly string[];
}

/** Everything. */
export interface Facts {
  /** Berth's namespace. */
  readonly namespace: string;
  readonly namespaceLabels: ReadResult<Readonly<Record<string, string>>>;
  readonly ownership: Ownership;
  readonly pods: readonly PodState[];
  readonly pools: readonly PoolView[];
  readonly advertisements: readonly AdvertisementView[];
  readonly nodes: readonly NodeView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  /** Addresses of Pods, by node: the ranges that the Nodes name, or else those of some Pods. */
  readonly podRanges: ReadonlyMap<string, RangeSet>;
  /** Those of some Pods. */
  readonly arePodsSampled: boolean;
  /** Addresses of Services inside the cluster. */
  readonly serviceRanges: ReadResult<RangeSet>;
  /** `spec.externalIPs` of Services, by the Service's key. */
  readonly externalIps: ReadonlyMap<string, RangeSet>;
  readonly kubeProxy: ReadResult<KubeProxyConfig>;
  readonly workloads: ReadResult<readonly Workload[]>;
  readonly others: ReadResult<OtherAllocators>;
  readonly speakers: readonly SpeakerReport[];
  readonly warnings: ReadResult<readonly Warning[]>;
  /** Names of the ValidatingAdmissionPolicies that have a binding. */
  readonly boundPolicies: ReadResult<readonly string[]>;
}

/** The speakers that answered. */
export function answeringSpeakers({ speakers }: Facts): readonly (SpeakerReport & { readonly status: JudgedStatus })[] {
  return speakers.filter((one): one is SpeakerReport & { readonly status: JudgedStatus } => one.status !== undefined);
}

/** Runs the nftables rules on every node that told? */
export function hasNftablesRules(facts: Facts): boolean {
  const all = answeringSpeakers(facts);
  return all.length > 0 && all.every(({ status }) => status.dataPath.nftables === 'Loaded');
}
