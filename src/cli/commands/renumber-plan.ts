/** Which Services would get another address if theirs were renumbered, as the controller would decide. */
import type { AllocationView } from '../../api/allocation.ts';
import { settle } from '../../ipam/allocate.ts';
import { allocationSnapshot, type Cluster } from '../cluster/cluster.ts';
import { wrong } from '../output/failure.ts';

/** One address of one Service. */
export interface Renumbered {
  readonly service: string;
  readonly from: string;
  /** What it would get; absent: it stays. */
  readonly to?: string;
  /** Why it stays. */
  readonly why?: string;
}

/** The entries of a Service, or those that a pool gave. Throws a Failure where there are none. */
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

/** Decides over the cluster as it would be with the wish. */
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
          why: `pool ${home.name} is ${home.state}: only what a pool with state: Draining gave is renumbered`,
        };
      }
      if (decision?.service.requests.includes(entry.address))
        return { ...known, why: 'the Service asks for this address' };
      return { ...known, why: decision === undefined ? 'it is not known' : `${decision.reason}: ${decision.message}` };
    }),
  );
}
