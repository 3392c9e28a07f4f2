/** What the controller watches, and the snapshot that a pass decides on. */
import { type AdvertisementView, parseAdvertisement, type RawAdvertisement } from '../api/advertisement.ts';
import { type AllocationView, parseAllocation, type RawAllocation } from '../api/allocation.ts';
import { type PoolView, parsePool, type RawPool } from '../api/pool.ts';
import { parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Snapshot } from '../ipam/allocate.ts';
import type { KubeClient } from '../kube/client.ts';
import { Informer } from '../kube/informer.ts';
import { collections } from '../kube/resources.ts';
import type { Logger } from '../runtime/logger.ts';

/** The controller's informers. */
export interface Watched {
  readonly pools: Informer<RawPool, PoolView>;
  readonly advertisements: Informer<RawAdvertisement, AdvertisementView>;
  readonly allocations: Informer<RawAllocation, AllocationView>;
  readonly services: Informer<RawService, ServiceView>;
}

/** Makes the informers; `onChange` is called after each change of any of them. */
export function watchAll(client: KubeClient, log: Logger, onChange: () => void): Watched {
  const common = { client, log, onChange };
  return {
    pools: new Informer({ ...common, path: collections.pools, parse: parsePool }),
    advertisements: new Informer({ ...common, path: collections.advertisements, parse: parseAdvertisement }),
    allocations: new Informer({ ...common, path: collections.allocations, parse: parseAllocation }),
    services: new Informer({ ...common, path: collections.services, parse: parseService }),
  };
}

/** Have all informers taken in their first list? Before that an address in use could look free. */
export function isSynced(watched: Watched): boolean {
  return Object.values(watched).every(({ synced }) => synced);
}

/** What is known now, for a decision. */
export function snapshotOf({ pools, services, allocations }: Watched): Omit<Snapshot, 'ownership'> {
  return { pools: pools.store.values(), services: services.store.values(), ledger: allocations.store.values() };
}

/** The uids of all that may be written to. */
export function knownUids({ pools, services, allocations }: Watched): ReadonlySet<string> {
  return new Set([pools, services, allocations].flatMap(({ store }) => store.values().map(({ uid }) => uid)));
}
