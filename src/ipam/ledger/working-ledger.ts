/** The ledger during one pass: the users of each address now, and after the plan is carried out. */
import { type Family, familyOf, type Ip, ipFromNumber, ipToNumber } from '../../addr/ip.ts';
import type { IpRange } from '../../addr/range.ts';
import type { RangeSet } from '../../addr/range-set.ts';
import type { AllocationView, ServiceRef } from '../../api/allocation.ts';
import type { ServiceView } from '../../api/service.ts';
import { shownBy } from '../ownership.ts';
import type { EffectivePool } from '../pool-table.ts';

/** One address that is in use, reserved, or newly assigned. */
export interface Slot {
  readonly address: Ip;
  readonly family: Family;
  readonly value: bigint;
  /** Its entry in the ledger; undefined if it was free until now. */
  readonly entry: AllocationView | undefined;
  pool: string;
  sharingKey: string | undefined;
  /** Berth did not choose it: a Service showed it already. */
  adopted: boolean;
  /** The Services that use it after the plan is carried out. */
  readonly users: ServiceView[];
}

/** The user of an address that Berth must not assign. */
export interface ForeignUser {
  readonly user: 'a node' | 'a Service that another program serves' | 'a Service that shows it in its status';
  /** The Service that may get it nevertheless: the one that shows it. */
  readonly owner: ServiceView | undefined;
}

/** The working state of one pass. Claimed addresses are released only before addresses are assigned to other Services. */
export class WorkingLedger {
  readonly slots = new Map<Ip, Slot>();
  readonly #byKey = new Map<string, Slot[]>();
  readonly #foreignUsers: Map<Ip, ForeignUser>;
  readonly #taken: Readonly<Record<Family, Set<bigint>>> = { IPv4: new Set(), IPv6: new Set() };
  readonly #cursors = new Map<EffectivePool, Readonly<Record<Family, Cursor>>>();
  /** Addresses by pool and namespace, for pools with a quota. */
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(
    entries: readonly AllocationView[],
    foreignUsers: ReadonlyMap<Ip, ForeignUser>,
    pools: readonly EffectivePool[],
  ) {
    this.#foreignUsers = new Map(foreignUsers);
    for (const address of foreignUsers.keys()) this.#taken[familyOf(address)].add(ipToNumber(address));
    for (const { name, quota } of pools) if (quota !== undefined) this.#counts.set(name, new Map());
    for (const entry of entries) {
      const { address, value, pool, sharingKey, services, adopted } = entry;
      this.#add({ address, family: familyOf(address), value, entry, pool, sharingKey, adopted, users: [] });
      const counts = this.#counts.get(pool);
      if (counts) for (const namespace of new Set(services.map((ref) => ref.namespace))) bump(counts, namespace, 1);
    }
  }

  /** The foreign user of an address, unless that is this Service itself. */
  foreignUserAt(address: Ip, service: ServiceView): ForeignUser['user'] | undefined {
    const foreignUser = this.#foreignUsers.get(address);
    return foreignUser?.owner === service ? undefined : foreignUser?.user;
  }

  /**
   * Keeps other Services from an address in a Service's status, whether or not the Service owns it: clients still connect to it. If two
   * Services show it, neither gets it.
   */
  guard(address: Ip, service: ServiceView): void {
    const before = this.#foreignUsers.get(address);
    if (before?.owner === undefined && (before || this.slots.has(address))) return;
    const owner = before === undefined || before.owner === service ? service : undefined;
    this.#foreignUsers.set(address, { user: 'a Service that shows it in its status', owner });
    this.#taken[familyOf(address)].add(ipToNumber(address));
  }

  /** All addresses with a foreign user. */
  *foreignUsers(): Generator<readonly [Ip, Pick<Slot, 'value' | 'family'>]> {
    for (const ip of this.#foreignUsers.keys()) yield [ip, { value: ipToNumber(ip), family: familyOf(ip) }];
  }

  /** The addresses that Services with this key share, the lowest first. */
  sharedBy(key: string, family: Family): readonly Slot[] {
    const slots = (this.#byKey.get(key) ?? []).filter((slot) => slot.family === family && slot.sharingKey === key);
    return slots.sort((a, b) => (a.value < b.value ? -1 : 1));
  }

  /** The lowest free address of a pool. It stays free until it is claimed. */
  lowestFree(pool: EffectivePool, family: Family): Ip | undefined {
    let cursors = this.#cursors.get(pool);
    if (cursors === undefined) {
      const cursor = (of: Family) => new Cursor(pool, of, this.#taken[of]);
      cursors = { IPv4: cursor('IPv4'), IPv6: cursor('IPv6') };
      this.#cursors.set(pool, cursors);
    }
    return cursors[family].lowestFree();
  }

  /** The number of addresses that a namespace has of a pool with a quota, including those reserved for its Services. */
  countOf(pool: string, namespace: string): number {
    return this.#counts.get(pool)?.get(namespace) ?? 0;
  }

  /** The slot of an address; a new one if there is none. */
  open(address: Ip, pool: string): Slot {
    const known = this.slots.get(address);
    if (known !== undefined) return known;
    const value = ipToNumber(address);
    return this.#add({
      address,
      family: familyOf(address),
      value,
      entry: undefined,
      pool,
      sharingKey: undefined,
      adopted: false,
      users: [],
    });
  }

  /** Moves the address to another pool. */
  moveToPool(slot: Slot, pool: string): void {
    const namespaces = new Set([...slot.users, ...(slot.entry?.services ?? [])].map(({ namespace }) => namespace));
    for (const [name, by] of [[slot.pool, -1] as const, [pool, 1] as const]) {
      const counts = this.#counts.get(name);
      if (counts) for (const namespace of namespaces) bump(counts, namespace, by);
    }
    slot.pool = pool;
  }

  /** Adds the Service to the users of the address. */
  claim(slot: Slot, service: ServiceView): void {
    const counts = this.#counts.get(slot.pool);
    if (counts && !isIn(slot, service.namespace)) bump(counts, service.namespace, 1);
    slot.users.push(service);
  }

  /** Sets the key by which other Services may share the address. */
  shareBy(slot: Slot, sharingKey: string | undefined): void {
    if (slot.sharingKey === sharingKey) return;
    slot.sharingKey = sharingKey;
    this.#index(slot);
  }

  /** Adds the Service to the users of an address that it left before. */
  resume(slot: Slot, service: ServiceView): void {
    if (!this.slots.has(slot.address)) this.#add(slot);
    this.claim(slot, service);
  }

  /** Removes the Service from the users of the address. */
  leave(slot: Slot, service: ServiceView): void {
    const at = slot.users.indexOf(service);
    if (at >= 0) slot.users.splice(at, 1);
    const counts = this.#counts.get(slot.pool);
    if (counts && !isIn(slot, service.namespace)) bump(counts, service.namespace, -1);
    if (slot.entry !== undefined || slot.users.length > 0) return;
    this.slots.delete(slot.address);
    this.#taken[slot.family].delete(slot.value);
    slot.sharingKey = undefined;
    if (shownBy(service).includes(slot.address)) this.guard(slot.address, service);
  }

  #add(slot: Slot): Slot {
    this.slots.set(slot.address, slot);
    this.#taken[slot.family].add(slot.value);
    this.#index(slot);
    return slot;
  }

  #index(slot: Slot): void {
    if (slot.sharingKey === undefined) return;
    const slots = this.#byKey.get(slot.sharingKey);
    if (slots === undefined) this.#byKey.set(slot.sharingKey, [slot]);
    else if (!slots.includes(slot)) slots.push(slot);
  }
}

/** The Services in a slot's entry that are no longer users. A user with the same name replaces its predecessor, and is not among them. */
export function formerRefs({ entry, users }: Slot): readonly ServiceRef[] {
  const refs = entry?.services ?? [];
  if (users.length === 0) return refs;
  return refs.filter((ref) => !users.some((user) => isSameName(user, ref)));
}

/** Are the names equal? Then it is the same Service, or one that was created again with its name. */
export function isSameName(service: Pick<ServiceView, 'namespace' | 'name'>, ref: ServiceRef): boolean {
  return service.name === ref.name && service.namespace === ref.namespace;
}

function isIn({ entry, users }: Slot, namespace: string): boolean {
  return (
    users.some((user) => user.namespace === namespace) ||
    (entry?.services.some((ref) => ref.namespace === namespace) ?? false)
  );
}

function bump(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/** Does an IPv4 address end in .0 or .255? Some old routers treat these as network and broadcast addresses. */
export function isBuggy(family: Family, value: bigint): boolean {
  const last = value & 255n;
  return family === 'IPv4' && (last === 0n || last === 255n);
}

/** Finds free addresses, the lowest first. It only moves up: a full pool costs one scan, however many Services wait for it. */
class Cursor {
  readonly #ranges: RangeSet;
  readonly #family: Family;
  readonly #isTaken: (value: bigint) => boolean;
  #range = 0;
  #found: { readonly value: bigint; readonly address: Ip } | undefined;

  constructor({ own, avoidBuggyIPs }: EffectivePool, family: Family, taken: ReadonlySet<bigint>) {
    this.#ranges = own.filter((range) => range.family === family);
    this.#family = family;
    this.#isTaken = avoidBuggyIPs ? (value) => taken.has(value) || isBuggy(family, value) : (value) => taken.has(value);
  }

  lowestFree(): Ip | undefined {
    if (this.#found && !this.#isTaken(this.#found.value)) return this.#found.address;
    for (; this.#range < this.#ranges.length; this.#range++, this.#found = undefined) {
      const { first, last } = this.#ranges[this.#range] as IpRange;
      let value = this.#found === undefined ? first : this.#found.value + 1n;
      while (value <= last && this.#isTaken(value)) value++;
      if (value > last) continue;
      this.#found = { value, address: ipFromNumber(value, this.#family) };
      return this.#found.address;
    }
    return undefined;
  }
}
