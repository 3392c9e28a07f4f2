/**
 * What random histories cannot promise yet. Each function excludes exactly the state of one known fault, and names the promise (on the
 * list of expected failures) that shows it. The change that fixes the fault deletes the function.
 */
import { addressIn } from '../../../oracle/addresses.ts';
import { type Holding, type Leave, whyMayLeave } from '../../../oracle/keeping.ts';
import { entriesOf, familyOf, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, type Entry, keyOf, type Ref, type Service } from '../../../oracle/objects.ts';
import { names, poolOfEntry } from '../../../oracle/pools.ts';
import { lacking, wanting } from '../../../oracle/reasons.ts';
import { hasRoom } from '../../../oracle/rights.ts';
import type { Barrier } from '../../../oracle/sharing.ts';
import { isEnding, isForeign, wishesOf } from '../../../oracle/wishes.ts';

/** "An address is free only after no Service shows it, not even one that is being deleted": ending Services do not count here. */
export function withoutEnding(cluster: Cluster): Cluster {
  return { ...cluster, services: cluster.services.filter((service) => !isEnding(service)) };
}

/**
 * "A Service that was created again stays in its entry, even if a controller lags behind": the writer knows the entry of the new
 * Service but not the Service itself, and writes the former one back.
 */
export function isOverwritten(
  { after, known }: { readonly after: Entry | undefined; readonly known: Cluster },
  ref: Ref,
): boolean {
  const isUnheard = !known.services.some(({ metadata }) => metadata.uid === ref.uid);
  return isUnheard && refsOf(after).some((other) => keyOf(other) === keyOf(ref));
}

/**
 * "Of the Services that share an address, the changed one leaves, whatever was changed": if the policy or the selector was changed,
 * the ledger does not record in which Service, and the oracle returns `PolicyDiffers` for both. And
 * "a Service keeps its address when the pool that it asks for is split or renamed": the address then belongs to a pool of another name. So
 * it no longer fulfills the request that it fulfilled when it was assigned.
 */
export function whyLeaves(cluster: Cluster, holding: Holding): Leave | undefined {
  const why = whyMayLeave(cluster, holding);
  const { service, entry, given } = holding;
  if (why !== undefined || given === undefined || wishesOf(service).pools.length === 0) return why;
  const ip = addressIn(entry.spec.address);
  const pool = cluster.pools.find(({ metadata }) => metadata.name === given.pool);
  const isAsGiven = entry.spec.pool === given.pool && ip && pool && names(pool, ip);
  return isAsGiven ? undefined : 'AsksForPool';
}

/** The reasons by which a Service must leave an address, not only may. */
const mustLeave: ReadonlySet<Leave> = new Set(['FamilyGone', 'CannotShare', 'PolicyDiffers']);

/**
 * "The status that a quiet program left is replaced, even if the Service must leave its address in the ledger": the status stays as the
 * other program wrote it, and the Service stays in the entry.
 */
export function isLeftToOthers(cluster: Cluster, service: Service): boolean {
  const entries = entriesOf(cluster, service);
  const isLeft = (entry: Entry) => {
    const why = whyMayLeave(cluster, { service, entry });
    return why !== undefined && mustLeave.has(why);
  };
  return isForeign(service, cluster.rules) && entries.length > 0 && entries.every(isLeft);
}

/**
 * "A Service that requires both families gets them if the quota has room for both": an address that the Service leaves for another one
 * counts in addition to all that it wants.
 */
export function isCrowded(cluster: Cluster, service: Service): boolean {
  const [lacks, wants] = [lacking({ cluster, service }), wanting({ cluster, service })];
  if (service.spec.ipFamilyPolicy !== 'RequireDualStack' || lacks.length === 0 || wants.length === lacks.length)
    return false;
  const more = { namespace: service.metadata.namespace ?? '', for: wants.length };
  return cluster.pools.some((pool) => !hasRoom(cluster, pool, more));
}

/**
 * "A request that cannot be fulfilled changes nothing, even in the middle of a move": of the two addresses of a Service, the one of a
 * requested pool wins. That is so even if the pools do not count, because the Service asks for a certain address or contradicts itself.
 */
export function isDrawnBack(cluster: Cluster, { service, entry, given }: Holding): boolean {
  const { addresses, pools, faults } = wishesOf(service);
  const isOld = given !== undefined && given.at < cluster.now;
  const isBeside = faults.length > 0 || addresses.has(familyOf(entry));
  return isOld && isBeside && pools.includes(poolOfEntry(cluster, entry));
}

/**
 * "An address that was kept back meanwhile is not confirmed as in use": the write that confirms an entry omits its time, and the API
 * server refuses an entry without Services and without a time.
 */
export function isOfReservation({ message }: Error): boolean {
  return message.includes('berth.dev/confirmed') && message.endsWith('an entry without services needs reservedUntil');
}

/** "Services with the policy Local share an address only if they have the same Pods": equal selectors in two namespaces, and empty ones. */
export function isBarred(barrier: Barrier | undefined): boolean {
  return barrier !== undefined && barrier !== 'Pods';
}
