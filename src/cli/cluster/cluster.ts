/** The current state of the cluster, read once into the views that controller and speakers decide on. */

import type { DesiredVipSnapshot } from '../../announce/desired-vips.ts';
import { endpointNodes } from '../../announce/endpoint-nodes.ts';
import { type AdvertisementView, parseAdvertisement, type RawAdvertisement } from '../../api/advertisement.ts';
import { type AllocationView, parseAllocation, type RawAllocation } from '../../api/allocation.ts';
import { type EndpointSliceView, parseEndpointSlice, type RawEndpointSlice } from '../../api/endpoints.ts';
import { type NamespaceView, parseNamespace, type RawNamespace } from '../../api/namespace.ts';
import { type NodeView, parseNode, type RawNode } from '../../api/node.ts';
import { type PoolView, parsePool, type RawPool } from '../../api/pool.ts';
import { parseService, type RawService, type ServiceView } from '../../api/service.ts';
import type { Snapshot } from '../../ipam/allocate.ts';
import { collections } from '../../kube/resources.ts';
import { type Accepted, type Installation, readInstallation } from './installation.ts';
import { listAll } from './read.ts';
import type { Session } from './session.ts';

/** The data of the API server that the commands work on. The speakers' own data is not part of it. */
export interface Cluster {
  readonly installation: Installation;
  readonly pools: readonly PoolView[];
  readonly advertisements: readonly AdvertisementView[];
  readonly namespaces: readonly NamespaceView[];
  readonly nodes: readonly NodeView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  readonly endpointSlices: readonly EndpointSliceView[];
  /** The time of the reading, in milliseconds since 1970. */
  readonly now: number;
}

/** Reads the cluster. Throws a Failure that names the resource that could not be read, or if Berth is not where it should be. */
export async function readCluster(session: Session, accepted: Accepted = {}): Promise<Cluster> {
  const reach = await session.reach();
  const read = async <R, V>(path: string, parse: (raw: R) => V | undefined): Promise<readonly V[]> =>
    (await listAll<R>(reach, path)).map(parse).filter((view): view is V & {} => view !== undefined);
  // Read first: if Berth is not installed, the error says so.
  const pools = await read<RawPool, PoolView>(collections.pools, parsePool);
  const [installation, advertisements, namespaces, nodes, services, ledger, endpointSlices] = await Promise.all([
    readInstallation(session, accepted),
    read<RawAdvertisement, AdvertisementView>(collections.advertisements, parseAdvertisement),
    read<RawNamespace, NamespaceView>(collections.namespaces, parseNamespace),
    read<RawNode, NodeView>(collections.nodes, parseNode),
    read<RawService, ServiceView>(collections.services, parseService),
    read<RawAllocation, AllocationView>(collections.allocations, parseAllocation),
    read<RawEndpointSlice, EndpointSliceView>(collections.endpointSlices, parseEndpointSlice),
  ]);
  const views = { pools, advertisements, namespaces, nodes, services, ledger, endpointSlices };
  if (!accepted.any) {
    for (const other of installation.others) session.terminal.note(`note: Berth is also installed in ${other}\n`);
  }
  return { installation, ...views, now: Date.now() };
}

/** The input of the controller's decisions. */
export function allocationSnapshot(cluster: Cluster): Snapshot {
  const { pools, namespaces, nodes, services, ledger, installation, now } = cluster;
  return { pools, namespaces, nodes, services, ledger, ownership: installation.settings.ownership, now };
}

/** The input of the speakers' decisions. */
export function desiredVipSnapshot(cluster: Cluster): DesiredVipSnapshot {
  const { ledger, services, endpointSlices, advertisements, nodes, installation } = cluster;
  const byUid = new Map(services.map((service) => [service.uid, service]));
  const withPod = installation.speakers.map(({ node }) => node).filter((node) => node !== '');
  return {
    ledger,
    service: (uid) => byUid.get(uid),
    endpointNodes: endpointNodes(endpointSlices),
    advertisements,
    nodes,
    speakers: new Set([...withPod, ...installation.settings.assumeAlive]),
  };
}
