/**
 * The Kubernetes fields that Berth reads and writes, checked against the types that Kubernetes
 * generates from its API. The compiler is the test (suite `check`): a misspelled field, or a field
 * of another type, does not compile, and the error names its path.
 */
import type {
  CoreV1Event,
  EventsV1Event,
  V1DaemonSet,
  V1Deployment,
  V1EndpointSlice,
  V1LabelSelector,
  V1Lease,
  V1Namespace,
  V1Node,
  V1ObjectMeta,
  V1Pod,
  V1Service,
} from '@kubernetes/client-node';
import type { RawEndpointSlice } from '../../../src/api/endpoints.ts';
import type { LabelSelector, RawMeta } from '../../../src/api/meta.ts';
import type { RawNamespace } from '../../../src/api/namespace.ts';
import type { RawNode, RawPod } from '../../../src/api/node.ts';
import type { RawService } from '../../../src/api/service.ts';
import type { RawWorkload } from '../../../src/cli/cluster/installation.ts';
import type { RawEvent, RawPodState } from '../../../src/cli/doctor/parse-facts.ts';
import type { EventObject } from '../../../src/kube/events.ts';
import type { Lease } from '../../../src/kube/leader.ts';

/** The JSON form of a value: the library parses times, the API server sends text. */
type OnTheWire<T> = T extends Date ? string : T;

/** Whether one of two types is a part of the other: `'True' | 'False'` is a part of `string`. */
type AreRelated<A, B> = [A] extends [B] ? true : [B] extends [A] ? true : false;

/**
 * The paths of the fields of `Ours` that `Theirs` lacks, or has with an unrelated type; `never` if
 * there are none. Absent and null values are no difference: this check does not cover which fields
 * the API server may leave out.
 */
type Faults<Ours, Theirs, Path extends string> = 0 extends 1 & Theirs
  ? never // `any`
  : Ours extends readonly (infer Item)[]
    ? Theirs extends readonly (infer TheirItem)[]
      ? Faults<Item, TheirItem, `${Path}[]`>
      : Path
    : Ours extends object
      ? string extends keyof Ours
        ? string extends keyof Theirs
          ? Faults<Ours[keyof Ours], Theirs[keyof Theirs], `${Path}[*]`>
          : Path
        : {
            [Key in keyof Ours & string]: Key extends keyof Theirs
              ? Faults<NonNullable<Ours[Key]>, NonNullable<Theirs[Key]>, `${Path}.${Key}`>
              : `${Path}.${Key}`;
          }[keyof Ours & string]
      : AreRelated<Ours, OnTheWire<Theirs>> extends true
        ? never
        : Path;

/** Does not compile if `T` names a fault. */
type None<T extends never> = T;

/** Does not compile if the two types are not exactly the same. */
type Same<A extends B, B> = [B] extends [A] ? A : never;

/** The raw types from which `src/api` parses its views. */
export type Views = [
  None<Faults<RawMeta, V1ObjectMeta, 'metadata'>>,
  None<Faults<LabelSelector, V1LabelSelector, 'LabelSelector'>>,
  None<Faults<RawService, V1Service, 'Service'>>,
  None<Faults<RawNode, V1Node, 'Node'>>,
  None<Faults<RawPod, V1Pod, 'Pod'>>,
  None<Faults<RawEndpointSlice, V1EndpointSlice, 'EndpointSlice'>>,
  None<Faults<RawNamespace, V1Namespace, 'Namespace'>>,
];

/** What the controller writes, and what the CLI reads besides. */
export type Others = [
  None<Faults<Lease, V1Lease, 'Lease'>>,
  None<Faults<EventObject, EventsV1Event, 'events.k8s.io/Event'>>,
  None<Faults<RawEvent, CoreV1Event, 'Event'>>,
  None<Faults<RawPodState, V1Pod, 'Pod'>>,
  None<Faults<RawWorkload, V1Deployment, 'Deployment'>>,
  // Only Deployments have replicas.
  Same<'DaemonSet.spec.replicas', Faults<RawWorkload, V1DaemonSet, 'DaemonSet'>>,
];

/**
 * A check of the check itself: it finds a misspelled field, a field of another type, and a fault
 * inside a list.
 */
export type Found = [
  Same<'Service.spec.loadBalancerIp', Faults<{ spec: { loadBalancerIp?: string } }, V1Service, 'Service'>>,
  Same<'Node.metadata.generation', Faults<{ metadata: { generation?: string } }, V1Node, 'Node'>>,
  Same<'Pod.status.conditions[].state', Faults<{ status?: { conditions: { state: string }[] } }, V1Pod, 'Pod'>>,
];
