/** The controller's informers, and the snapshot that a pass uses. */
import { type AdvertisementView, parseAdvertisement, type RawAdvertisement } from '../api/advertisement.ts';
import { type AllocationView, parseAllocation, type RawAllocation } from '../api/allocation.ts';
import { type NamespaceView, parseNamespace, type RawNamespace } from '../api/namespace.ts';
import { type NodeView, parseNode, type RawNode } from '../api/node.ts';
import { type PoolView, parsePool, type RawPool } from '../api/pool.ts';
import { parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Snapshot } from '../ipam/allocate.ts';
import type { KubeClient } from '../kube/client.ts';
import { Informer } from '../kube/informer.ts';
import { collections } from '../kube/resources.ts';
import type { Logger } from '../runtime/logger.ts';

/** The controller's informers. */
export interface Informers {
  readonly pools: Informer<RawPool, PoolView>;
  readonly advertisements: Informer<RawAdvertisement, AdvertisementView>;
  readonly namespaces: Informer<RawNamespace, NamespaceView>;
  readonly nodes: Informer<RawNode, NodeView>;
  readonly allocations: Informer<RawAllocation, AllocationView>;
  readonly services: Informer<RawService, ServiceView>;
}

/** Makes the informers. `onChange` is called after each change of any of them. */
export function makeInformers(client: KubeClient, log: Logger, onChange: () => void): Informers {
  const common = { client, log, onChange };
  return {
    pools: new Informer({ ...common, path: collections.pools, parse: parsePool }),
    advertisements: new Informer({ ...common, path: collections.advertisements, parse: parseAdvertisement }),
    namespaces: new Informer({ ...common, path: collections.namespaces, parse: parseNamespace }),
    nodes: new Informer({ ...common, path: collections.nodes, parse: parseNode }),
    allocations: new Informer({ ...common, path: collections.allocations, parse: (raw) => entryOf(raw, log) }),
    services: new Informer({ ...common, path: collections.services, parse: parseService }),
  };
}

/** The view of an entry. One that cannot be read is reported: it costs an address. */
function entryOf(raw: RawAllocation, log: Logger): AllocationView | undefined {
  const entry = parseAllocation(raw);
  const fault = entry === undefined ? 'the name is no address' : entry.fault;
  if (fault !== undefined) log.warn({ object: raw.metadata.name, fault }, 'IPAllocation cannot be read: delete it');
  return entry;
}

/** The current objects, for a decision. */
export function snapshotOf(informers: Informers): Omit<Snapshot, 'ownership' | 'now'> {
  const { pools, namespaces, nodes, services, allocations } = informers;
  return {
    pools: pools.store.values(),
    namespaces: namespaces.store.values(),
    nodes: nodes.store.values(),
    services: services.store.values(),
    ledger: allocations.store.values(),
  };
}

/** Is there a pool, a Service or an entry with this uid? These are the objects that the controller writes. */
export function hasObject({ pools, services, allocations }: Informers, uid: string): boolean {
  return [services, allocations, pools].some(({ store }) => store.get(uid) !== undefined);
}
