/** The ways in which a Service gets an address: by request, from its status, by sharing, or from a pool. */
import { type Family, familyOf, type Ip, ipToNumber } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import { entryLimits } from '../api/entry-fields.ts';
import type { ServiceView } from '../api/service.ts';
import { listed } from '../api/text.ts';
import { obstructionOf } from './address-conflict.ts';
import { isBuggy } from './ledger/free-addresses.ts';
import { isSameName, type Slot } from './ledger/slot.ts';
import type { WorkingLedger } from './ledger/working-ledger.ts';
import type { EffectivePool, PoolTable } from './pool-table.ts';
import { isOutcome, type Outcome, type PoolVerdict } from './reasons.ts';
import { wantsAnother } from './renumbering.ts';
import type { RequestOf } from './requests.ts';

/** The state that addresses are chosen from. */
export interface Choices {
  readonly ledger: WorkingLedger;
  readonly table: PoolTable;
  readonly requestOf: RequestOf;
}

/** A Service that needs an address. */
export interface Seeker extends Choices {
  readonly service: ServiceView;
}

/** Whether the address is in the Service's status already. Such an address may be assigned even if its pool assigns no new ones. */
interface AssignOptions {
  readonly adopting: boolean;
}

/** Assigns a certain address, exclusive or shared. Returns the reason if that is not possible. */
export function assignAddress(seeker: Seeker, address: Ip, { adopting }: AssignOptions): Slot | Outcome {
  const { service, ledger, table } = seeker;
  const value = ipToNumber(address);
  const pool = table.poolOf(address, value);
  if (pool === undefined) return { reason: 'AddressNotInPool', message: `${address} is not in any IPAddressPool` };
  const slot = ledger.slots.get(address);
  const ranked = table.ranked(service).find((one) => one.pool === pool);
  const fault = adopting ? ranked?.exclusion : ranked?.fault;
  const refused = fault && refusedByPool(service, pool, { fault, address, adopting });
  if (refused) return refused;
  if (pool.avoidBuggyIPs && isBuggy(familyOf(address), value)) {
    const message = `${address} ends in .0 or .255, and pool ${pool.name} does not assign such addresses (avoidBuggyIPs)`;
    return { reason: 'AddressNotInPool', message };
  }
  const foreignUser = ledger.foreignUserAt(address, service);
  const isShown = foreignUser === 'a Service that shows it in its status';
  if (foreignUser) {
    const reason = adopting && isShown ? 'AdoptionConflict' : 'AddressInUse';
    return { reason, message: `${address} is in use by ${foreignUser}` };
  }
  const obstacle = slot && obstacleAt(slot, seeker);
  if (obstacle)
    return adopting && obstacle.reason === 'AddressInUse' ? { ...obstacle, reason: 'AdoptionConflict' } : obstacle;
  return claimWithinQuota(seeker, ledger.open(address, pool.name));
}

/** Assigns an address that Services with the same sharing key use; undefined if there is none. */
export function assignShared(seeker: Seeker, family: Family): Slot | undefined {
  const { service, ledger, table } = seeker;
  const ranked = table.ranked(service);
  for (const slot of ledger.sharedBy(service, family)) {
    if (slot.users.includes(service)) continue;
    const home = table.poolOf(slot.address, slot.value);
    const found = ranked.find(({ pool }) => pool === home);
    const open = found && (found.fault === undefined || found.fault === 'NotAutoAssign');
    if (!open || (found.pool.avoidBuggyIPs && isBuggy(family, slot.value))) continue;
    if (ledger.foreignUserAt(slot.address, service) || obstacleAt(slot, seeker)) continue;
    const taken = claimWithinQuota(seeker, slot);
    if (!isOutcome(taken)) return taken;
  }
  return undefined;
}

/** Assigns free addresses of these families: all from one pool if a pool has them all, else each from the first pool that has one. */
export function assignFromPools(
  seeker: Seeker,
  families: readonly Family[],
  preferred?: string,
): ReadonlyMap<Family, Slot | Outcome> {
  const { service, ledger, table } = seeker;
  if (families.length === 0) return new Map();
  const open = table.open(service);
  const first = preferred === undefined ? undefined : open.find(({ name }) => name === preferred);
  const pools = first ? [first, ...open.filter((pool) => pool !== first)] : open;
  const whole = families.length > 1 ? pools.find((pool) => hasAll(seeker, pool, families)) : undefined;
  const take = (family: Family): Slot | Outcome => {
    for (const pool of whole ? [whole] : pools) {
      if (verdictOf(seeker, pool, family) !== 'Available') continue;
      const address = ledger.lowestFree(pool, family) as Ip;
      return claimWithinQuota(seeker, ledger.open(address, pool.name));
    }
    return refusal(seeker, family);
  };
  return new Map(families.map((family) => [family, take(family)]));
}

function hasAll(seeker: Seeker, pool: EffectivePool, families: readonly Family[]): boolean {
  const { service, ledger } = seeker;
  const room = pool.quota === undefined || ledger.countOf(pool.name, service.namespace) + families.length <= pool.quota;
  return room && families.every((family) => verdictOf(seeker, pool, family) === 'Available');
}

/** Has a pool without a fault an address for this Service now? */
export function verdictOf({ service, ledger }: Seeker, pool: EffectivePool, family: Family): PoolVerdict {
  const reached = isQuotaReached(service, pool, ledger);
  if (!reached && ledger.lowestFree(pool, family) !== undefined) return 'Available';
  if (!pool.own.some((range) => range.family === family)) return 'NoSuchFamily';
  return reached ? 'QuotaReached' : 'Exhausted';
}

/** Why the Service cannot use this address together with its current users; undefined if it can. */
function obstacleAt(slot: Slot, seeker: Seeker): Outcome | undefined {
  const { service, ledger, requestOf } = seeker;
  const { address, entry } = slot;
  const obstruction = entry && (obstructionOf(entry) ?? entry.quarantine);
  if (obstruction) return { reason: 'AddressConflict', message: obstruction.message };
  if (entry?.fault !== undefined) {
    return { reason: 'AddressReserved', message: `the IPAllocation of ${address} cannot be read: ${entry.fault}` };
  }
  if (entry?.ending && !entry.services.some(({ uid }) => uid === service.uid)) {
    return { reason: 'AddressReserved', message: `the IPAllocation of ${address} is being deleted` };
  }
  if (isReserved(entry) && !isReservedFor(entry, slot, seeker)) {
    return { reason: 'AddressReserved', message: `${address} is reserved after its last use` };
  }
  const sharers = ledger.sharersAt(slot);
  if (sharers.othersThan(service.key) >= entryLimits.services) {
    return {
      reason: 'AddressInUse',
      message: `${address} is shared by ${entryLimits.services} Services, which is the limit`,
    };
  }
  const { sharer } = requestOf(service);
  const conflict = sharers.conflictWith(service.key, sharer);
  if (conflict === undefined) return undefined;
  const why = sharer.key === undefined ? '' : `: ${conflict}`;
  return { reason: 'AddressInUse', message: `${address} is in use by another Service${why}` };
}

function isReserved(entry: AllocationView | undefined): entry is AllocationView & { readonly reservedUntil: number } {
  return entry?.reservedUntil !== undefined;
}

/** A reserved address is for the Services that its entry names, and for others only if all of these are back and stay. */
function isReservedFor({ services }: AllocationView, slot: Slot, seeker: Seeker): boolean {
  const { service } = seeker;
  if (services.length === 0) return false;
  const stays = (user: ServiceView) => !wantsAnother(user, slot, seeker);
  return services.every(
    (ref) => isSameName(service, ref) || slot.users.some((user) => isSameName(user, ref) && stays(user)),
  );
}

/** Claims the slot unless the quota of its pool forbids it. An address that the namespace already uses does not count again. */
function claimWithinQuota({ service, ledger, table, requestOf }: Seeker, slot: Slot): Slot | Outcome {
  const pool = table.named(slot.pool);
  const before = ledger.countOf(slot.pool, service.namespace);
  ledger.claim(slot, service);
  const after = ledger.countOf(slot.pool, service.namespace);
  if (pool?.quota === undefined || after <= pool.quota || after === before) {
    ledger.shareBy(slot, requestOf(service).sharer);
    return slot;
  }
  ledger.leave(slot, service);
  return quotaExceeded(service, pool);
}

function isQuotaReached({ namespace }: ServiceView, pool: EffectivePool, ledger: WorkingLedger): boolean {
  return pool.quota !== undefined && ledger.countOf(pool.name, namespace) >= pool.quota;
}

function quotaExceeded({ namespace }: ServiceView, { name, quota }: EffectivePool): Outcome {
  return {
    reason: 'QuotaExceeded',
    message: `namespace ${namespace} has reached the quota of pool ${name} (${quota} addresses per namespace)`,
  };
}

function refusedByPool(
  { namespace, requestedPools }: ServiceView,
  { name }: EffectivePool,
  { fault, address, adopting }: { readonly fault: PoolVerdict; readonly address: Ip } & AssignOptions,
): Outcome | undefined {
  const of = `${address} is in pool ${name}`;
  switch (fault) {
    case 'NotRequested':
      return {
        reason: 'ConflictingRequest',
        message: `${of}, but the Service requests pool ${listed(requestedPools)}`,
      };
    case 'NotForService':
      return {
        reason: 'PoolNotAllowed',
        message: `${of}, which does not serve this Service of namespace ${namespace}`,
      };
    case 'RestrictedToStrictPools':
      return { reason: 'PoolNotAllowed', message: `${of}, but this Service may use strict pools only` };
    case 'Cordoned':
    case 'Draining':
      return adopting ? undefined : { reason: 'PoolNotActive', message: `${of}, which is ${fault}` };
    default:
      return undefined;
  }
}

/** Why no pool assigned an address. The message contains no value that changes while nothing changes for the Service. */
function refusal(seeker: Seeker, family: Family): Outcome {
  const { service, table } = seeker;
  const { requestedPools } = service;
  if (table.pools.length === 0) return { reason: 'NoPool', message: 'there is no IPAddressPool' };
  const missing = requestedPools.filter((name) => table.named(name) === undefined);
  if (requestedPools.length > 0 && missing.length === requestedPools.length) {
    return { reason: 'PoolNotFound', message: `the Service requests pool ${listed(missing)}, which does not exist` };
  }
  const ranked = table.ranked(service).filter(({ fault }) => fault !== 'NotRequested');
  const looks = ranked.map(({ pool, fault }) => ({ pool, verdict: fault ?? verdictOf(seeker, pool, family) }));
  const of = (...verdicts: readonly PoolVerdict[]) => looks.filter(({ verdict }) => verdicts.includes(verdict));
  const names = (found: typeof looks) => listed(found.map(({ pool }) => pool.name));
  const full = of('Exhausted');
  if (full.length > 0) return { reason: 'PoolExhausted', message: `no free ${family} address in pool ${names(full)}` };
  const [spent] = of('QuotaReached');
  if (spent) return quotaExceeded(service, spent.pool);
  const inactive = of('Cordoned', 'Draining');
  if (inactive.length > 0) {
    return {
      reason: 'PoolNotActive',
      message: `pool ${names(inactive)} assigns no new address: ${inactive[0]?.verdict}`,
    };
  }
  const asked = requestedPools.length > 0 ? `pool ${listed(requestedPools)}` : 'any pool';
  if (requestedPools.length > 0 && of('NotForService', 'RestrictedToStrictPools').length > 0) {
    return { reason: 'PoolNotAllowed', message: `the Service requests ${asked}, which does not serve it` };
  }
  const why = `${listed(looks.map(({ pool, verdict }) => `${pool.name}: ${verdict}`))}`;
  return { reason: 'NoPool', message: `no pool can assign this Service an ${family} address (${why})` };
}
