/** Whether a Service must keep the address that it has in the ledger (docs/allocation.md, "What never happens"). */
import { addressIn } from './addresses.ts';
import { entriesOf, familyOf, isObstructed, isSameName, livingOf, refsOf, successorOf } from './ledger.ts';
import type { Cluster, Entry, Service } from './objects.ts';
import { homeOf } from './pools.ts';
import { areSamePorts, backendsOf, barrierBetween, doPortsMeet } from './sharing.ts';
import { shownBy, wishesOf } from './wishes.ts';

/** Why a Service may leave its address. */
export type Leave =
  /** The Service no longer uses this family. */
  | 'FamilyGone'
  | 'AsksForAddress'
  | 'AsksForPool'
  /** An administrator asks for it, and the pool of the address is draining or deleted. */
  | 'Renumbered'
  /** Another host has the address, and the address was never announced. */
  | 'Obstructed'
  /** The Service was changed, and can no longer share the address. */
  | 'CannotShare';

/** The state when the Service got the address. */
export interface Given {
  /** The pool that the address was taken from. */
  readonly pool: string;
  /** The pools that the Service asked for at that time. */
  readonly asked: readonly string[];
  /** The time of the decision, in milliseconds since 1970. */
  readonly at: number;
}

/** A Service, the entry of its address, and how the Service got it, if that is known. */
export interface Holding {
  readonly service: Service;
  readonly entry: Entry;
  readonly given?: Given | undefined;
}

/** Returns why the Service may leave the address. Undefined: it must keep it. */
export function whyMayLeave(cluster: Cluster, holding: Holding): Leave | undefined {
  const { service, entry } = holding;
  const { families, addresses, faults } = wishesOf(service);
  const family = familyOf(entry);
  const asked = addresses.get(family);
  if (!families.includes(family)) return 'FamilyGone';
  const conflict = whyCannotShare(cluster, holding);
  if (conflict) return conflict;
  if (faults.length > 0) return undefined;
  if (asked !== undefined) return asked === entry.spec.address ? undefined : 'AsksForAddress';
  if (isObstructed(entry)) return 'Obstructed';
  if (isWantedElsewhere(cluster, entry)) return 'Renumbered';
  return isOfAskedPool(cluster, holding) ? undefined : 'AsksForPool';
}

/**
 * Whether a pool that the Service asks for has the address. The pool at the time of the decision counts, not the names of today. The
 * entry records the request that the address fulfilled.
 */
function isOfAskedPool(cluster: Cluster, { service, entry, given }: Holding): boolean {
  const { pools } = wishesOf(service);
  if (pools.length === 0) return true;
  if (given && given.asked.join() === pools.join() && pools.includes(given.pool)) return true;
  if (isFulfilled(entry, service)) return true;
  const ip = addressIn(entry.spec.address);
  const home = ip && homeOf(cluster, ip);
  return pools.includes(entry.spec.pool) && pools.includes(home?.metadata.name ?? entry.spec.pool);
}

/** Whether the address fulfilled the Service's request for pools before. The entry records the request that it fulfilled. */
export function isFulfilled(entry: Entry, service: Service): boolean {
  const ref = refsOf(entry).find((one) => isSameName(one, service));
  return ref?.requestedPools !== undefined && ref.requestedPools.join() === wishesOf(service).pools.join();
}

/** "If theirs belongs to a pool with `state: Draining`, or to no pool any more [...] the annotation `berth.dev/renumber`" (docs/cli.md). */
function isWantedElsewhere(cluster: Cluster, { metadata, spec }: Entry): boolean {
  if (metadata.annotations?.['berth.dev/renumber'] === undefined) return false;
  const ip = addressIn(spec.address);
  const home = ip && homeOf(cluster, ip);
  return home === undefined || home.spec.state === 'Draining';
}

/**
 * "If a Service is changed so that it can no longer share, it gets another address [...]. The Services that it shared with keep theirs."
 */
function whyCannotShare(cluster: Cluster, { service, entry }: Holding): Leave | undefined {
  if (portTaken(cluster, { service, entry })) return 'CannotShare';
  const others = refsOf(entry).flatMap((ref) => {
    const standing = livingOf(cluster, ref) ?? successorOf(cluster, ref);
    return standing && standing !== service ? [standing] : [];
  });
  const isInTheWay = (other: Service) =>
    barrierBetween(service, other) !== undefined && !portTaken(cluster, { service: other, entry });
  const conflicts = others.filter(isInTheWay);
  const isPort = conflicts.every((other) => barrierBetween(service, other) === 'Port');
  const isChanged = isPort ? arePortsChanged : isSharingChanged;
  if (conflicts.length === 0) return undefined;
  const isOlder = (other: Service) => isBefore(other, service);
  if (isChanged(service, entry)) {
    return conflicts.some((other) => !isChanged(other, entry) || isOlder(other)) ? 'CannotShare' : undefined;
  }
  const unchanged = conflicts.filter((other) => !isChanged(other, entry));
  // Both were changed, and the entry was written after that, so it has the new values of both. The older one keeps the address.
  return unchanged.some(isOlder) ? 'CannotShare' : undefined;
}

/** "Each port stays with the Service that had it before": whether the Service takes one of another Service that has or shows the address. */
function portTaken(cluster: Cluster, { service, entry }: Holding): boolean {
  const own = refsOf(entry).find((one) => isSameName(one, service))?.ports;
  if (own === undefined) return false;
  const added = (service.spec.ports ?? []).filter((port) => !doPortsMeet([port], own));
  return refsOf(entry).some((ref) => {
    const other = cluster.services.find(({ metadata }) => metadata.uid === ref.uid);
    if (other === undefined || other === service) return false;
    const isThere = livingOf(cluster, ref) !== undefined || shownBy(other).includes(entry.spec.address);
    const kept = (other.spec.ports ?? []).filter((port) => ref.ports === undefined || doPortsMeet([port], ref.ports));
    return isThere && doPortsMeet(added, kept);
  });
}

/** Whether the Service has other ports than those in the entry. */
function arePortsChanged(service: Service, entry: Entry): boolean {
  const ref = refsOf(entry).find((one) => isSameName(one, service));
  return !areSamePorts(ref?.ports, service.spec.ports);
}

/** Whether the Service has another key or other backends than those in the entry. */
function isSharingChanged(service: Service, entry: Entry): boolean {
  const ref = refsOf(entry).find((one) => isSameName(one, service));
  if (wishesOf(service).key !== entry.spec.sharingKey) return true;
  return ref?.backends !== undefined && ref.backends !== backendsOf(service);
}

function isBefore(a: Service, b: Service): boolean {
  const age = ({ metadata }: Service) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  return age(a) < age(b);
}

/** The entries of the addresses that the Service must keep. */
export function mustKeep(
  cluster: Cluster,
  service: Service,
  givenOf: (entry: Entry) => Given | undefined,
): readonly Entry[] {
  return entriesOf(cluster, service).filter(
    (entry) => whyMayLeave(cluster, { service, entry, given: givenOf(entry) }) === undefined,
  );
}
