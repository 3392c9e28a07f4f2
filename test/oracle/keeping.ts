/** Must a Service keep the address that the ledger says is its own (docs/allocation.md, "What never happens")? */
import { addressIn } from './addresses.ts';
import { entriesOf, familyOf, isObstructed, isSameName, livingOf, refsOf, successorOf } from './ledger.ts';
import type { Cluster, Entry, Service } from './objects.ts';
import { homeOf } from './pools.ts';
import { areSamePorts, barrierBetween } from './sharing.ts';
import { wishesOf } from './wishes.ts';

/** Why a Service may leave its address. */
export type Leave =
  /** It is of one family less. */
  | 'FamilyGone'
  | 'AsksForAddress'
  | 'AsksForPool'
  /** A person wants it, and the address's pool is draining or gone. */
  | 'Renumbered'
  /** Another host has the address, and it was never announced. */
  | 'Obstructed'
  /** It was changed so that it can share the address no longer. */
  | 'CannotShare'
  /** It can share the address no longer, and the ledger does not tell which one of them was changed: policy or selector. */
  | 'PolicyDiffers';

/** What was so when the Service got the address. */
export interface Given {
  /** The pool that it was taken from. */
  readonly pool: string;
  /** The pools that the Service asked for then. */
  readonly asked: readonly string[];
  /** When it was decided; milliseconds since 1970. */
  readonly at: number;
}

/** A Service, the entry of its address, and how it came to it where that is known. */
export interface Holding {
  readonly service: Service;
  readonly entry: Entry;
  readonly given?: Given | undefined;
}

/** Why the Service may leave the address. Undefined: it must keep it. */
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

/** Is the address of a pool that the Service asks for? It is judged against what the Service was given, not against today's names. */
function isOfAskedPool(cluster: Cluster, { service, entry, given }: Holding): boolean {
  const { pools } = wishesOf(service);
  if (pools.length === 0) return true;
  if (given && given.asked.join() === pools.join() && pools.includes(given.pool)) return true;
  const ip = addressIn(entry.spec.address);
  const home = ip && homeOf(cluster, ip);
  return pools.includes(entry.spec.pool) && pools.includes(home?.metadata.name ?? entry.spec.pool);
}

/** "If theirs belongs to a pool with `state: Draining`, or to no pool any more [...] the annotation `berth.dev/renumber`" (docs/cli.md). */
function isWantedElsewhere(cluster: Cluster, { metadata, spec }: Entry): boolean {
  if (metadata.annotations?.['berth.dev/renumber'] === undefined) return false;
  const ip = addressIn(spec.address);
  const home = ip && homeOf(cluster, ip);
  return home === undefined || home.spec.state === 'Draining';
}

/** "If a Service is changed so that it can no longer share, it gets another address [...]. The Services that it shared with keep theirs." */
function whyCannotShare(cluster: Cluster, { service, entry }: Holding): Leave | undefined {
  const others = refsOf(entry).flatMap((ref) => {
    const standing = livingOf(cluster, ref) ?? successorOf(cluster, ref);
    return standing && standing !== service ? [standing] : [];
  });
  const conflicts = others.filter((other) => barrierBetween(service, other) !== undefined);
  if (conflicts.length === 0) return undefined;
  const isOlder = (other: Service) => isBefore(other, service);
  if (isChanged(service, entry)) {
    return conflicts.some((other) => !isChanged(other, entry) || isOlder(other)) ? 'CannotShare' : undefined;
  }
  const unchanged = conflicts.filter((other) => !isChanged(other, entry));
  const isByPolicy = (other: Service) => ['Policy', 'Pods'].includes(barrierBetween(service, other) ?? '');
  if (unchanged.some(isByPolicy)) return 'PolicyDiffers';
  // Both were changed, and the entry was written since: it says of both what is so now. The older one keeps the address.
  return unchanged.some(isOlder) ? 'CannotShare' : undefined;
}

/** Has the Service another key or other ports than the entry says? */
function isChanged(service: Service, entry: Entry): boolean {
  const ref = refsOf(entry).find((one) => isSameName(one, service));
  return wishesOf(service).key !== entry.spec.sharingKey || !areSamePorts(ref?.ports, service.spec.ports);
}

function isBefore(a: Service, b: Service): boolean {
  const age = ({ metadata }: Service) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  return age(a) < age(b);
}

/** The entries of addresses that the Service must keep. */
export function mustKeep(
  cluster: Cluster,
  service: Service,
  givenOf: (entry: Entry) => Given | undefined,
): readonly Entry[] {
  return entriesOf(cluster, service).filter(
    (entry) => whyMayLeave(cluster, { service, entry, given: givenOf(entry) }) === undefined,
  );
}
