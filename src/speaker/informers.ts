/** The informers of a speaker, and the snapshot of the cluster that they give. */
import type { DesiredVipSnapshot } from '../announce/desired-vips.ts';
import { type AdvertisementView, parseAdvertisement, type RawAdvertisement } from '../api/advertisement.ts';
import { type AllocationView, parseAllocation, type RawAllocation } from '../api/allocation.ts';
import { type EndpointSliceView, parseEndpointSlice, type RawEndpointSlice } from '../api/endpoints.ts';
import {
  type NodeView,
  parseNode,
  parseSpeakerPod,
  type RawNode,
  type RawPod,
  type SpeakerPodView,
} from '../api/node.ts';
import { parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { KubeClient } from '../kube/client.ts';
import { Informer } from '../kube/informer.ts';
import { collections, podsPath } from '../kube/resources.ts';
import type { Logger } from '../runtime/logger.ts';
import { EndpointStore } from './endpoint-store.ts';

/** The speaker's informers. */
export interface Informers {
  readonly allocations: Informer<RawAllocation, AllocationView>;
  readonly services: Informer<RawService, ServiceView>;
  readonly advertisements: Informer<RawAdvertisement, AdvertisementView>;
  readonly nodes: Informer<RawNode, NodeView>;
  readonly endpointSlices: Informer<RawEndpointSlice, EndpointSliceView, EndpointStore>;
  readonly pods: Informer<RawPod, SpeakerPodView>;
}

/** Where the speakers' Pods are. */
interface Peers {
  readonly namespace: string;
  /** Their labels. */
  readonly peerSelector: string;
}

/** What the informers work with. */
interface Watching {
  readonly client: KubeClient;
  readonly log: Logger;
  /** Called after each change of any informer. */
  readonly onChange: () => void;
  /** The API server does not answer. */
  readonly onUnreachable: () => void;
}

/** Makes the informers. */
export function makeInformers(common: Watching, peers: Peers): Informers {
  const { peerSelector: labelSelector } = peers;
  return {
    allocations: new Informer({ ...common, path: collections.allocations, parse: parseAllocation }),
    services: new Informer({ ...common, path: collections.services, parse: parseLoadBalancer }),
    advertisements: new Informer({ ...common, path: collections.advertisements, parse: parseAdvertisement }),
    nodes: new Informer({ ...common, path: collections.nodes, parse: parseNode }),
    endpointSlices: endpointInformer(common),
    pods: new Informer({ ...common, path: podsPath(peers.namespace), labelSelector, parse: parseSpeakerPod }),
  };
}

/** Only Services with VIPs matter to a speaker. A cluster has many others, and none of their changes may start a pass. */
function parseLoadBalancer(raw: RawService): ServiceView | undefined {
  const view = parseService(raw);
  return view.isLoadBalancer ? view : undefined;
}

/** A Pod that starts changes a slice: that is no change of the cluster as long as nothing depends on it. */
function endpointInformer({ onChange, ...common }: Watching): Informers['endpointSlices'] {
  const store = new EndpointStore();
  let seen = store.answersRevision;
  const onSlice = () => {
    if (seen === store.answersRevision) return;
    seen = store.answersRevision;
    onChange();
  };
  const of = { path: collections.endpointSlices, parse: parseEndpointSlice, store };
  return new Informer({ ...common, ...of, onChange: onSlice });
}

/** The state of the cluster now. `others` names nodes whose speakers run without a Pod. */
export function clusterSnapshot(informers: Informers, others: readonly string[]): DesiredVipSnapshot {
  return {
    ledger: informers.allocations.store.values(),
    service: (uid) => informers.services.store.get(uid),
    endpointNodes: informers.endpointSlices.store.nodes,
    advertisements: informers.advertisements.store.values(),
    nodes: informers.nodes.store.values(),
    // A Pod that starts or terminates counts: its heartbeats show whether its speaker is alive.
    speakers: new Set([...informers.pods.store.values().map(({ node }) => node), ...others]),
  };
}
