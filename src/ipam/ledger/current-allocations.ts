/** The addresses that each Service has already, according to the ledger. */
import { familyOf } from '../../addr/ip.ts';
import { oldestFirst, type ServiceView } from '../../api/service.ts';
import { leaveObstructed, obstructionOf } from '../address-conflict.ts';
import type { Isolated } from '../isolation.ts';
import { shownBy } from '../ownership.ts';
import { names, type PoolTable } from '../pool-table.ts';
import type { Outcome } from '../reasons.ts';
import { mustRenumber } from '../renumbering.ts';
import type { RequestOf } from '../requests.ts';
import { Sharers } from '../sharing.ts';
import { isOfRequestedPool } from './record.ts';
import { isShared, separate } from './separation.ts';
import { formerRefs, isSameName, type Slot } from './slot.ts';
import type { WorkingLedger } from './working-ledger.ts';

/** The addresses of all Services before new ones are assigned. */
export class CurrentAllocations {
  readonly #requestOf: RequestOf;
  readonly #slots = new Map<ServiceView, readonly Slot[]>();
  /** The Services that had to leave an address, and why. */
  readonly evicted = new Map<ServiceView, Outcome>();

  constructor(requestOf: RequestOf) {
    this.#requestOf = requestOf;
  }

  /** The addresses of a Service, in the order of its families. */
  of(service: ServiceView): readonly Slot[] {
    return this.#slots.get(service) ?? [];
  }

  /** Adds an address to those of the Service. */
  add(service: ServiceView, slot: Slot): void {
    const before = this.#slots.get(service);
    if (before === undefined) this.#slots.set(service, [slot]);
    else {
      const slots = [...before, slot];
      const inOrder = this.#requestOf(service).families.flatMap((family) =>
        slots.filter((one) => one.family === family),
      );
      this.#slots.set(service, inOrder);
    }
  }

  /** Removes all addresses of the Service. */
  clear(service: ServiceView): void {
    this.#slots.delete(service);
  }

  /** Removes this address of the Service, and records why. */
  evict(service: ServiceView, slot: Slot, why: Outcome): void {
    this.#slots.set(
      service,
      this.of(service).filter((one) => one !== slot),
    );
    if (!this.evicted.has(service)) this.evicted.set(service, why);
  }
}

interface Context {
  readonly ledger: WorkingLedger;
  readonly table: PoolTable;
  readonly requestOf: RequestOf;
  /** The Service with a uid, whether or not Berth serves it. */
  readonly living: (uid: string) => ServiceView | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly isolated: Isolated;
}

/** Claims its addresses for every Service. A Service that was deleted and created again gets the addresses of its predecessor. */
export function claimCurrent(services: readonly ServiceView[], context: Context): CurrentAllocations {
  const { ledger, requestOf, isolated } = context;
  const current = new CurrentAllocations(requestOf);
  const byOwner = slotsByOwner(services, ledger);
  const claim = (service: ServiceView, slot: Slot) => {
    ledger.claim(slot, service);
    current.add(service, slot);
  };
  for (const slot of ledger.slots.values()) moveToPool(slot, context);
  const returned: [ServiceView, Slot][] = [];
  isolated.services.each(services, (service) => {
    const own = byOwner.get(service.uid) ?? [];
    const former = (byOwner.get(service.key) ?? []).filter((slot) => mayReturn(service, slot, context));
    if (own.length === 0 && former.length === 0) return;
    for (const family of requestOf(service).families) {
      const ofFamily = (slot: Slot) => slot.family === family;
      const kept = preferredSlot(service, own.filter(ofFamily), context);
      const slot = kept ?? preferredSlot(service, former.filter(ofFamily), context);
      if (slot) claim(service, slot);
      if (slot && !kept) returned.push([service, slot]);
    }
  });
  for (const [service, slot] of returned) yieldToLeaving(service, slot, { current, ...context });
  const shared = [...ledger.slots.values()].filter(isShared).sort(byAddress);
  for (const slot of shared) separate(slot, (...eviction) => current.evict(...eviction), context);
  leaveObstructed(ledger, (...eviction) => current.evict(...eviction), requestOf);
  // A Service that had to leave its address before a crash may have its new entry already.
  for (const service of [...current.evicted.keys()].sort(oldestFirst)) {
    const spare = (byOwner.get(service.uid) ?? []).filter((slot) => isAlone(service, slot));
    for (const family of requestOf(service).families) {
      if (current.of(service).some((slot) => slot.family === family)) continue;
      const slot = preferredSlot(
        service,
        spare.filter((one) => one.family === family),
        context,
      );
      if (slot) claim(service, slot);
    }
  }
  for (const slot of ledger.slots.values()) {
    const [first] = slot.users;
    if (first) ledger.shareBy(slot, requestOf(first).sharer);
  }
  return current;
}

/** Does the entry belong to this Service alone, and can the Service use it? */
function isAlone(service: ServiceView, { users, entry }: Slot): boolean {
  if (entry === undefined || users.length > 0 || obstructionOf(entry)) return false;
  return entry.services.every((ref) => isSameName(service, ref));
}

/** The slots by owner: by uid if that Service exists, else by `namespace/name`. */
function slotsByOwner(services: readonly ServiceView[], ledger: WorkingLedger): ReadonlyMap<string, readonly Slot[]> {
  const living = new Set(services.map(({ uid }) => uid));
  const byOwner = new Map<string, Slot[]>();
  for (const slot of ledger.slots.values()) {
    for (const ref of slot.entry?.services ?? []) {
      const owner = living.has(ref.uid) ? ref.uid : `${ref.namespace}/${ref.name}`;
      const slots = byOwner.get(owner);
      if (slots === undefined) byOwner.set(owner, [slot]);
      else slots.push(slot);
    }
  }
  return byOwner;
}

/**
 * May a Service get an address of its predecessor? Not after the reservation ended, nor if the pool is draining or does not serve the
 * Service.
 */
function mayReturn(service: ServiceView, { entry, address, value }: Slot, { ledger, table, now }: Context): boolean {
  if (entry?.ending || (entry?.reservedUntil !== undefined && entry.reservedUntil <= now)) return false;
  if (ledger.foreignUserAt(address, service) === 'a node') return false;
  const pool = table.poolOf(address, value);
  if (pool === undefined) return true;
  const exclusion = table.ranked(service).find((ranked) => ranked.pool === pool)?.exclusion;
  return exclusion === undefined || exclusion === 'Cordoned';
}

/**
 * A crash between the two writes of a move leaves two entries. The entry that the Service keeps is, in this order: the requested
 * address, one of a requested pool, one without a pending renumbering, the one in its status, the lowest one. A request that cannot be
 * fulfilled does not count.
 */
function preferredSlot(
  service: ServiceView,
  slots: readonly Slot[],
  { table, requestOf }: Pick<Context, 'table' | 'requestOf'>,
): Slot | undefined {
  if (slots.length < 2) return slots[0];
  const request = requestOf(service);
  const { addresses, fault } = request;
  const isShown = ({ address }: Slot) => service.ingress.some(({ ip }) => ip === address);
  const tests: readonly ((slot: Slot) => boolean)[] = [
    ({ family, address }) => addresses.get(family) === address,
    (slot) => !addresses.has(slot.family) && isOfRequestedPool(service, slot, request),
    (slot) => !mustRenumber(slot, table),
    isShown,
  ];
  const rank = (slot: Slot) => (fault ? [isShown] : tests).map((passes) => (passes(slot) ? 0 : 1)).join('');
  return [...slots].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : byAddress(a, b)))[0];
}

function byAddress(a: Slot, b: Slot): number {
  if (a.family !== b.family) return a.family < b.family ? -1 : 1;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Moves a slot to the pool that contains its address now, after a pool was renamed or split. */
function moveToPool(slot: Slot, { ledger, table }: Context): void {
  const home = table.named(slot.pool);
  if (home && names(home, familyOf(slot.address), slot.value)) return;
  const pool = table.poolOf(slot.address, slot.value);
  if (pool) ledger.moveToPool(slot, pool.name);
}

/**
 * A Service that was created again cannot return to an address that another Service leaves and still shows, unless both may share it:
 * clients still connect to the other one.
 */
function yieldToLeaving(
  service: ServiceView,
  slot: Slot,
  { current, living, ledger, requestOf }: Context & { readonly current: CurrentAllocations },
): void {
  const others = new Sharers();
  for (const ref of formerRefs(slot)) {
    const other = living(ref.uid);
    if (other && shownBy(other).includes(slot.address)) others.set(other.key, ledger.leavingSharer(slot, ref));
  }
  const conflict = others.conflictWith(service.key, requestOf(service).sharer);
  if (conflict === undefined) return;
  ledger.leave(slot, service);
  const message = `the Service cannot share ${slot.address}: ${conflict}`;
  current.evict(service, slot, { reason: 'SharingConflict', message });
}
