/** Which Services would get another address by a renumbering, found by the controller's own decisions. */
import type { AllocationView } from '../../api/allocation.ts';
import { settle } from '../../ipam/allocate.ts';
import { allocationSnapshot, type Cluster } from '../cluster/cluster.ts';
import { wrong } from '../output/failure.ts';

/** One address of one Service, and its replacement. */
export interface Renumbered {
  readonly service: string;
  readonly from: string;
  /** The new address; absent if the old one stays. */
  readonly to?: string;
  /** Why the old one stays. */
  readonly why?: string;
}

/** The entries of a Service, or of a pool. Throws a Failure if there are none. */
export function entriesFor(
  cluster: Cluster,
  { service, pool }: { readonly service: string | undefined; readonly pool: string | undefined },
): readonly AllocationView[] {
  const { table } = settle(allocationSnapshot(cluster));
  const inUse = cluster.ledger.filter(
    ({ reservedUntil, services }) => reservedUntil === undefined && services.length > 0,
  );
  const found =
    service === undefined
      ? inUse.filter(({ address, value, pool: from }) => (table.poolOf(address, value)?.name ?? from) === pool)
      : inUse.filter(({ services }) => services.some(({ namespace, name }) => `${namespace}/${name}` === service));
  if (found.length === 0)
    throw wrong(
      service === undefined ? `no Service has an address of pool ${pool}` : `Service ${service} has no address`,
    );
  return found;
}

/** Makes the controller's decisions as if the entries had the annotation `berth.dev/renumber`. */
export function planRenumbering(cluster: Cluster, entries: readonly AllocationView[]): readonly Renumbered[] {
  const snapshot = allocationSnapshot(cluster);
  const wanted = new Set(entries);
  const ledger = snapshot.ledger.map((entry) => (wanted.has(entry) ? { ...entry, renumber: true } : entry));
  const { plan, table } = settle({ ...snapshot, ledger });
  const decisions = new Map(plan.decisions.map((decision) => [decision.service.uid, decision]));
  return entries.flatMap((entry) =>
    entry.services.map(({ namespace, name, uid }): Renumbered => {
      const known = { service: `${namespace}/${name}`, from: entry.address };
      const decision = decisions.get(uid);
      const bindings = decision?.kind === 'Assigned' ? decision.bindings.map(({ address }) => address) : [];
      const isSameFamily = (address: string) => address.includes(':') === entry.address.includes(':');
      const to = bindings.find(isSameFamily);
      if (to !== undefined && to !== entry.address) return { ...known, to };
      const home = table.poolOf(entry.address, entry.value);
      if (home !== undefined && home.state !== 'Draining') {
        return {
          ...known,
          why: `pool ${home.name} is ${home.state}: only addresses of a pool with state: Draining are renumbered`,
        };
      }
      if (decision?.service.requests.includes(entry.address))
        return { ...known, why: 'the Service asks for this address' };
      return {
        ...known,
        why: decision === undefined ? 'Berth does not serve this Service' : `${decision.reason}: ${decision.message}`,
      };
    }),
  );
}
