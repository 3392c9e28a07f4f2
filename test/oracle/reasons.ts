/** Which reasons of docs/reasons.md ("Allocation") are true for a Service, by their meaning on that page. */
import { addressIn, type Family } from './addresses.ts';
import { choiceFor, lowestFree, openingFor } from './choice.ts';
import { isFulfilled } from './keeping.ts';
import { entriesOf, entryOf, familyOf, isSameName, livingOf, poolOfAddress, refsOf } from './ledger.ts';
import type { Cluster, Entry, Pool, Service } from './objects.ts';
import { barOf, homeOf, isOpen, ownRanges, poolOfEntry } from './pools.ts';
import { hasRoom, objectionsTo } from './rights.ts';
import { barrierBetween } from './sharing.ts';
import { isForeign, shownBy, wishesOf, writersOf } from './wishes.ts';

interface Case {
  readonly cluster: Cluster;
  readonly service: Service;
}

/** The meaning of each reason. */
const meanings: Readonly<Record<string, (of: Case) => boolean>> = {
  Allocated: (of) => lacking(of).length === 0 && unmet(of).length === 0,
  PartiallyAllocated: (of) => of.service.spec.ipFamilyPolicy === 'PreferDualStack' && lacking(of).length === 1,
  PoolRemoved: (of) => addressesOf(of).some((address) => poolOf(of, address) === undefined),
  NoPool: (of) => wanting(of).some((family) => openPools(of).every((pool) => !has(of, pool, family))),
  PoolNotFound: (of) => wanting(of).length > 0 && asksForPools(of) && askedPools(of).length === 0,
  PoolNotAllowed: (of) =>
    isObjected(of, 'PoolNotAllowed') ||
    (wanting(of).length > 0 &&
      askedPools(of).some((pool) => isClosed(of, pool, ['NotForService', 'RestrictedToStrictPools']))),
  PoolNotActive: (of) =>
    isObjected(of, 'PoolNotActive') ||
    (wanting(of).length > 0 && usablePools(of).some((pool) => isClosed(of, pool, ['Cordoned', 'Draining']))),
  PoolExhausted: (of) =>
    wanting(of).some((family) => {
      const pools = openPools(of).filter((pool) => has(of, pool, family));
      const isFull = (pool: Pool) => lowestFree(of.cluster, pool, family) === undefined;
      return pools.some(isFull) && pools.every((pool) => isFull(pool) || !isRoom(of, pool));
    }),
  QuotaExceeded: (of) =>
    isObjected(of, 'QuotaExceeded') ||
    !isRoomForShown(of) ||
    (wanting(of).length > 0 && [...openPools(of), ...poolsOfAsked(of)].some((pool) => !isRoom(of, pool))),
  AddressNotInPool: (of) => isObjected(of, 'AddressNotInPool'),
  AddressInUse: (of) => isObjected(of, 'AddressInUse'),
  AddressReserved: (of) => isObjected(of, 'AddressReserved'),
  AddressConflict: (of) => isObjected(of, 'AddressConflict'),
  InvalidRequest: ({ service }) => wishesOf(service).faults.includes('InvalidRequest'),
  ConflictingRequest: (of) =>
    wishesOf(of.service).faults.includes('ConflictingRequest') || isObjected(of, 'ConflictingRequest'),
  SharingConflict: ({ cluster, service }) =>
    cluster.entries
      .filter((entry) => refsOf(entry).some((ref) => isSameName(ref, service)))
      .some((entry) =>
        refsOf(entry).some((ref) => {
          const other = livingOf(cluster, ref);
          return other !== undefined && other !== service && barrierBetween(service, other) !== undefined;
        }),
      ),
  AdoptionConflict: ({ cluster, service }) =>
    shownBy(service).some((address) => {
      const isOwn = refsOf(entryOf(cluster, address)).some(({ uid }) => uid === service.metadata.uid);
      const isOthers = refsOf(entryOf(cluster, address)).some((ref) => !isSameName(ref, service));
      const isShown = cluster.services.some((other) => other !== service && shownBy(other).includes(address));
      return !isOwn && (isOthers || isShown);
    }),
  StatusContested: ({ cluster, service }) =>
    isForeign(service, cluster.rules) || !writersOf(service).every((name) => name === cluster.rules.manager),
  // It is a fault in Berth, and so true for no Service.
  InternalError: () => false,
};

/** All reasons of that page for a Service. */
export const words: readonly string[] = Object.keys(meanings);

/** Whether the reason is true for the Service. */
export function isTrue(word: string, of: Case): boolean {
  return meanings[word]?.(of) ?? false;
}

/** The families in which the Service has no address. */
export function lacking({ cluster, service }: Case): readonly Family[] {
  const has = entriesOf(cluster, service).map(familyOf);
  return wishesOf(service).families.filter((family) => !has.includes(family));
}

/** The families in which the Service has another address than it asks for. */
export function unmet(of: Case): readonly Family[] {
  const { addresses, pools, families } = wishesOf(of.service);
  const isUnmet = (entry: Entry) => {
    const wanted = addresses.get(familyOf(entry));
    if (wanted !== undefined) return wanted !== entry.spec.address;
    // As long as the pool that gave the address still contains it, it counts for that pool, even if an older pool contains it too.
    if (isFulfilled(entry, of.service)) return false;
    return pools.length > 0 && ![entry.spec.pool, poolOfEntry(of.cluster, entry)].some((pool) => pools.includes(pool));
  };
  const kept = entriesOf(of.cluster, of.service).filter(isUnmet).map(familyOf);
  return families.filter((family) => kept.includes(family));
}

/** An address that the Service could have now, if it lacks one or asks for another one. Undefined: there is none. */
export function missedBy(of: Case): string | undefined {
  const { cluster, service } = of;
  const { faults } = wishesOf(service);
  if (faults.length > 0) return undefined;
  const needsBoth = service.spec.ipFamilyPolicy === 'RequireDualStack';
  if (needsBoth && entriesOf(cluster, service).length === 0) return choiceFor(cluster, service)[0]?.address;
  const open = (family: Family) => openingFor(cluster, service, family);
  // "`RequireDualStack` waits until both are there": until then, the Service cannot change the address that it has either.
  if (needsBoth && lacking(of).some((family) => open(family) === undefined)) return undefined;
  return wanting(of)
    .map(open)
    .find((opening) => opening !== undefined)?.address;
}

/** The families in which the Service lacks an address, asks for another one, or must leave its address by an administrator's wish. */
export function wanting(of: Case): readonly Family[] {
  const leaves = entriesOf(of.cluster, of.service).filter(({ metadata, spec }) => {
    const pool = poolOf(of, spec.address);
    const isAsked = [...wishesOf(of.service).addresses.values()].includes(spec.address);
    const isWanted = metadata.annotations?.['berth.dev/renumber'] !== undefined && !isAsked;
    return isWanted && (pool === undefined || pool.spec.state === 'Draining');
  });
  return [...new Set([...lacking(of), ...unmet(of), ...leaves.map(familyOf)])];
}

/** Whether this is an objection to an address that the Service asks for, or that it shows without having it in the ledger. */
function isObjected({ cluster, service }: Case, word: string): boolean {
  const asked = [...wishesOf(service).addresses.values()];
  const own = entriesOf(cluster, service).map(({ spec }) => spec.address);
  const candidates = [...asked, ...shownBy(service)].filter((address) => !own.includes(address));
  return candidates.some((address) =>
    objectionsTo(cluster, { service, address }).some(({ reason }) => reason === word),
  );
}

function addressesOf({ cluster, service }: Case): readonly string[] {
  return entriesOf(cluster, service).map(({ spec }) => spec.address);
}

function poolOf({ cluster }: Case, address: string): Pool | undefined {
  const ip = addressIn(address);
  return ip && homeOf(cluster, ip);
}

function openPools({ cluster, service }: Case): readonly Pool[] {
  return cluster.pools.filter((pool) => isOpen(cluster, pool, service));
}

function asksForPools({ service }: Case): boolean {
  return wishesOf(service).pools.length > 0;
}

function askedPools({ cluster, service }: Case): readonly Pool[] {
  return cluster.pools.filter(({ metadata }) => wishesOf(service).pools.includes(metadata.name));
}

/** The pools of the addresses that the Service asks for. */
function poolsOfAsked(of: Case): readonly Pool[] {
  return [...wishesOf(of.service).addresses.values()].flatMap((address) => poolOf(of, address) ?? []);
}

function usablePools(of: Case): readonly Pool[] {
  return asksForPools(of) ? askedPools(of) : of.cluster.pools;
}

function isClosed({ cluster, service }: Case, pool: Pool, bars: readonly string[]): boolean {
  return bars.includes(barOf(cluster, pool, service) ?? '');
}

function has({ cluster }: Case, pool: Pool, family: Family): boolean {
  return ownRanges(cluster, pool, family).length > 0;
}

/** Whether the quota has room: for all wanted families if both are required, otherwise for one address. */
function isRoom(of: Case, pool: Pool): boolean {
  const { cluster, service } = of;
  const more = service.spec.ipFamilyPolicy === 'RequireDualStack' ? wanting(of).length : 1;
  return hasRoom(cluster, pool, { namespace: service.metadata.namespace ?? '', for: more });
}

/** Whether the quota has room for all shown addresses that the Service does not have yet. They are taken over together or not at all. */
function isRoomForShown(of: Case): boolean {
  const { cluster, service } = of;
  const more = shownBy(service).filter((address) => !addressesOf(of).includes(address));
  const pools = more.flatMap((address) => poolOfAddress(cluster, address) ?? []);
  const namespace = service.metadata.namespace ?? '';
  return pools.every((pool) => hasRoom(cluster, pool, { namespace, for: pools.filter((one) => one === pool).length }));
}
