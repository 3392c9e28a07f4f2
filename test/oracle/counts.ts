/** How many addresses of a pool Services have, and how many are available (the descriptions of the status in the CRD). */
import { type Address, addressIn, canonical, type Family, isBuggy, isIn, type Range } from './addresses.ts';
import { familyOf, isReserved, refsOf } from './ledger.ts';
import type { Cluster, Pool } from './objects.ts';
import { ownRanges, poolOfEntry } from './pools.ts';
import { isLoadBalancer, shownBy } from './wishes.ts';

/** The counts of one family in a pool's status. */
export interface Counts {
  readonly assigned: number;
  readonly available: bigint;
}

/** Counts the addresses of one family. */
export function countsOf(cluster: Cluster, pool: Pool, family: Family): Counts {
  const ranges = ownRanges(cluster, pool, family);
  const isOwn = (address: Address) => ranges.some((range) => isIn(address, range));
  const isUsable = (address: Address) => isOwn(address) && !(pool.spec.avoidBuggyIPs && isBuggy(address));
  const usable = ranges.reduce((sum, range) => sum + sizeOf(range, pool.spec.avoidBuggyIPs ?? false), 0n);
  const taken = [...takenIn(cluster)].map(addressIn).filter((address) => address !== undefined && isUsable(address));
  const assigned = cluster.entries.filter(
    (entry) =>
      poolOfEntry(cluster, entry) === pool.metadata.name &&
      familyOf(entry) === family &&
      !isReserved(entry) &&
      refsOf(entry).length > 0,
  );
  return { assigned: assigned.length, available: usable - BigInt(taken.length) };
}

/** The addresses in use or kept back: those in the ledger, those of nodes, and those that Services show. */
function takenIn({ entries, nodes, services }: Cluster): ReadonlySet<string> {
  return new Set([
    ...entries.map(({ spec }) => spec.address),
    ...nodes.flatMap(({ status }) => (status?.addresses ?? []).map(({ address }) => canonical(address))),
    ...services.filter(isLoadBalancer).flatMap(shownBy),
  ]);
}

/** The number of addresses in the range. With `avoidsBuggy`, IPv4 addresses that end in .0 or .255 do not count. */
function sizeOf({ family, first, last }: Range, avoidsBuggy: boolean): bigint {
  const size = last - first + 1n;
  if (!avoidsBuggy || family === 'IPv6') return size;
  let buggy = 0n;
  for (let value = first; value <= last && buggy < 1_000_000n; value++) if (isBuggy({ family, value })) buggy++;
  return size - buggy;
}
