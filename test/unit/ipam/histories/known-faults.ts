/**
 * What random histories cannot promise yet: each function excludes exactly the state of one known fault, and names the promise (on the list of
 * expected failures) that shows it. The change that mends the fault deletes the function.
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

/** "An address is free once no Service shows it, also none that is being deleted": what ending Services show is not looked at. */
export function withoutEnding(cluster: Cluster): Cluster {
  return { ...cluster, services: cluster.services.filter((service) => !isEnding(service)) };
}

/**
 * "A Service that was made anew stays in its entry, whatever a controller knows that lags behind": the writer knows the entry of the new
 * Service, has not heard of that Service itself, and writes the former one back.
 */
export function isOverwritten(
  { after, known }: { readonly after: Entry | undefined; readonly known: Cluster },
  ref: Ref,
): boolean {
  const isUnheard = !known.services.some(({ metadata }) => metadata.uid === ref.uid);
  return isUnheard && refsOf(after).some((other) => keyOf(other) === keyOf(ref));
}

/**
 * "Of Services that share an address the one leaves it that was changed, whatever was changed": where it was the policy or the selector, the
 * ledger does not tell which one was changed, and the oracle says `PolicyDiffers` of both. And
 * "a Service keeps its address when the pool that it asks for is split or renamed": the address is of another pool by name, and so does not
 * meet the wish any more that it met when it was given.
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

/** Why a Service must leave an address, and not only may. */
const mustLeave: ReadonlySet<Leave> = new Set(['FamilyGone', 'CannotShare', 'PolicyDiffers']);

/**
 * "What a quiet program left is replaced, also where the Service must leave what the ledger has for it": the status stays as the other
 * program wrote it, and the Service in the entry.
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
 * "A Service that requires both families gets them where the quota has room for both": an address that it is to leave for another one counts
 * beside all that it wants.
 */
export function isCrowded(cluster: Cluster, service: Service): boolean {
  const [lacks, wants] = [lacking({ cluster, service }), wanting({ cluster, service })];
  if (service.spec.ipFamilyPolicy !== 'RequireDualStack' || lacks.length === 0 || wants.length === lacks.length)
    return false;
  const more = { namespace: service.metadata.namespace ?? '', for: wants.length };
  return cluster.pools.some((pool) => !hasRoom(cluster, pool, more));
}

/**
 * "A wish that cannot be had changes nothing, also in the middle of a move": of two addresses that a Service has, the one of a pool that it asks
 * for counts, also where its pools do not count, as it asks for a certain address or contradicts itself.
 */
export function isDrawnBack(cluster: Cluster, { service, entry, given }: Holding): boolean {
  const { addresses, pools, faults } = wishesOf(service);
  const isOld = given !== undefined && given.at < cluster.now;
  const isBeside = faults.length > 0 || addresses.has(familyOf(entry));
  return isOld && isBeside && pools.includes(poolOfEntry(cluster, entry));
}

/**
 * "An address that is kept back meanwhile is not confirmed as one in use": what confirms an entry leaves out its time, and the API server
 * refuses an entry without Services and without a time.
 */
export function isOfReservation({ message }: Error): boolean {
  return message.includes('berth.dev/confirmed') && message.endsWith('an entry without services needs reservedUntil');
}

/** "Services with the policy Local share an address only if they have the same Pods": equal selectors in two namespaces, and empty ones. */
export function isBarred(barrier: Barrier | undefined): boolean {
  return barrier !== undefined && barrier !== 'Pods';
}
