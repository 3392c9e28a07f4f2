/** Which addresses a Service could get, and which ones a new Service gets, address by address (docs/allocation.md, "The choice"). */
import { addressIn, type Family, isBuggy, textOf } from './addresses.ts';
import { entryOf, familyOf, isReserved, isSameName, poolOfAddress, refsOf } from './ledger.ts';
import type { Cluster, Entry, Pool, Service } from './objects.ts';
import { openPools, ownRanges } from './pools.ts';
import { hasRoom, isOfNode, objectionsTo } from './rights.ts';
import { shownBy, wishesOf } from './wishes.ts';

/** An address that a Service can get. */
export interface Opening {
  readonly family: Family;
  readonly address: string;
  readonly pool: Pool;
}

/** The lowest address of a pool that is not in use and not kept back. */
export function lowestFree(cluster: Cluster, pool: Pool, family: Family): string | undefined {
  for (const { first, last } of ownRanges(cluster, pool, family)) {
    for (let value = first; value <= last; value++) {
      if (pool.spec.avoidBuggyIPs && isBuggy({ family, value })) continue;
      const address = textOf({ family, value });
      if (isFree(cluster, address)) return address;
    }
  }
  return undefined;
}

/** Whether the address is not in use anywhere, and not kept back. */
export function isFree(cluster: Cluster, address: string): boolean {
  const isShown = cluster.services.some((service) => shownBy(service).includes(address));
  return entryOf(cluster, address) === undefined && !isShown && !isOfNode(cluster, address);
}

/** The address of a family that the Service gets by its own wishes: the requested one, or one of the Services with the same key. */
export function wishedOpening(cluster: Cluster, service: Service, family: Family): Opening | undefined {
  const { addresses, key } = wishesOf(service);
  const asked = addresses.get(family);
  const isOwn = (entry: Entry) => refsOf(entry).some((ref) => isSameName(ref, service));
  const shared = (entry: Entry) =>
    !isReserved(entry) && entry.spec.sharingKey === key && familyOf(entry) === family && !isOwn(entry);
  const candidates = asked
    ? [asked]
    : key === undefined
      ? []
      : cluster.entries.filter(shared).map(addressOf).sort(byValue);
  const address = candidates.find((one) => objectionsTo(cluster, { service, address: one }).length === 0);
  const pool = poolOfAddress(cluster, address ?? '');
  return address === undefined || pool === undefined ? undefined : { family, address, pool };
}

/** The address of a family that the Service gets from the first pool that has one for it. */
export function poolOpening(
  cluster: Cluster,
  service: Service,
  { family, first }: { readonly family: Family; readonly first?: Pool | undefined },
): Opening | undefined {
  if (wishesOf(service).addresses.has(family)) return undefined;
  const namespace = service.metadata.namespace ?? '';
  for (const pool of poolsFor(cluster, service, first)) {
    const address = lowestFree(cluster, pool, family);
    if (address !== undefined && hasRoom(cluster, pool, { namespace, for: 1 })) return { family, address, pool };
  }
  return undefined;
}

/** An address of this family that the Service could get now, in any way. */
export function openingFor(cluster: Cluster, service: Service, family: Family): Opening | undefined {
  return wishedOpening(cluster, service, family) ?? poolOpening(cluster, service, { family });
}

/**
 * The addresses that a Service without any gets. "Both families come from one pool if one has both, otherwise each from its own."
 * "`RequireDualStack` waits until both are there."
 */
export function choiceFor(cluster: Cluster, service: Service): readonly Opening[] {
  const { families, faults } = wishesOf(service);
  if (faults.length > 0) return [];
  let now = cluster;
  const found: Opening[] = [];
  const take = (opening: Opening | undefined) => {
    if (opening === undefined) return;
    found.push(opening);
    now = withAddress(now, service, opening);
  };
  for (const family of families) take(wishedOpening(now, service, family));
  const isOpen = (family: Family) => !found.some((one) => one.family === family) && !isAsked(service, family);
  const left = families.filter(isOpen);
  const preferred = found[0]?.pool;
  const whole = left.length > 1 ? poolOfAll(now, service, left) : undefined;
  for (const family of left) take(poolOpening(now, service, { family, first: whole ?? preferred }));
  const isEnough = service.spec.ipFamilyPolicy !== 'RequireDualStack' || found.length === families.length;
  return isEnough ? families.flatMap((family) => found.filter((one) => one.family === family)) : [];
}

/** The cluster after the ledger has bound the address to the Service. */
export function withAddress(cluster: Cluster, service: Service, { address, pool }: Opening): Cluster {
  const { namespace = '', name, uid } = service.metadata;
  const { key } = wishesOf(service);
  const before = entryOf(cluster, address);
  const ref = { namespace, name, uid, ports: service.spec.ports ?? [] };
  const spec = {
    ...{ address, pool: pool.metadata.name },
    services: [...(before?.spec.services ?? []), ref],
    ...(key !== undefined && { sharingKey: key }),
  };
  const entry: Entry = { metadata: { name: address, uid: address, resourceVersion: '' }, spec };
  return { ...cluster, entries: [...cluster.entries.filter((one) => one !== before), entry] };
}

function isAsked(service: Service, family: Family): boolean {
  return wishesOf(service).addresses.has(family);
}

function poolsFor(cluster: Cluster, service: Service, first?: Pool): readonly Pool[] {
  const open = openPools(cluster, service);
  return first && open.includes(first) ? [first, ...open.filter((pool) => pool !== first)] : open;
}

/** The first pool that has addresses of all these families for the Service, and enough quota for them. */
function poolOfAll(cluster: Cluster, service: Service, families: readonly Family[]): Pool | undefined {
  const namespace = service.metadata.namespace ?? '';
  return poolsFor(cluster, service).find(
    (pool) =>
      hasRoom(cluster, pool, { namespace, for: families.length }) &&
      families.every((family) => lowestFree(cluster, pool, family) !== undefined),
  );
}

function addressOf({ spec }: Entry): string {
  return spec.address;
}

function byValue(a: string, b: string): number {
  const [one = 0n, other = 0n] = [addressIn(a)?.value, addressIn(b)?.value];
  return one < other ? -1 : one > other ? 1 : 0;
}
