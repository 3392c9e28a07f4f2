/** The ledger during one pass: the users of each address now, and after the plan is carried out. */
import { type Family, familyOf, type Ip, ipToNumber } from '../../addr/ip.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { ServiceRef } from '../../api/entry-fields.ts';
import { everywhere, type ServiceView } from '../../api/service.ts';
import type { Isolation } from '../isolation.ts';
import { shownBy } from '../ownership.ts';
import type { EffectivePool } from '../pool-table.ts';
import type { RequestOf } from '../requests.ts';
import { leavingSharer, type Sharer, Sharers } from '../sharing.ts';
import { FreeAddresses } from './free-addresses.ts';
import { QuotaCounts } from './quota-counts.ts';
import { recordOf } from './record.ts';
import { SharedAddresses } from './shared-addresses.ts';
import { formerRefs, newSlot, type Slot } from './slot.ts';

/** The user of an address that Berth must not assign. */
export interface ForeignUser {
  readonly user: 'a node' | 'a Service that another program serves' | 'a Service that shows it in its status';
  /** The Service that may get it nevertheless: the one that shows it. */
  readonly owner: ServiceView | undefined;
}

/** What a ledger needs to know about pools and Services. */
interface LedgerContext {
  readonly pools: readonly EffectivePool[];
  readonly requestOf: RequestOf;
  /** The Service with a uid. */
  readonly living: (uid: string) => ServiceView | undefined;
}

/** The working state of one pass. Claimed addresses are released only before addresses are assigned to other Services. */
export class WorkingLedger {
  readonly slots = new Map<Ip, Slot>();
  readonly #groups = new Map<string, SharedAddresses>();
  readonly #sharers = new Map<Slot, Sharers>();
  readonly #requestOf: RequestOf;
  readonly #living: LedgerContext['living'];
  readonly #foreignUsers: Map<Ip, ForeignUser>;
  readonly #taken: Readonly<Record<Family, Set<bigint>>> = { IPv4: new Set(), IPv6: new Set() };
  readonly #free = new Map<EffectivePool, Readonly<Record<Family, FreeAddresses>>>();
  readonly #counts: QuotaCounts;

  constructor(
    entries: readonly AllocationView[],
    foreignUsers: ReadonlyMap<Ip, ForeignUser>,
    { pools, requestOf, living }: LedgerContext,
  ) {
    this.#requestOf = requestOf;
    this.#living = living;
    this.#counts = new QuotaCounts(pools);
    this.#foreignUsers = new Map(foreignUsers);
    for (const address of foreignUsers.keys()) this.#taken[familyOf(address)].add(ipToNumber(address));
    for (const entry of entries) {
      const { address, value, pool, sharingKey: key, services, adopted } = entry;
      const slot = this.#add({ ...newSlot(address, pool, value), entry, adopted });
      this.shareBy(slot, { key, backends: services[0]?.backends ?? everywhere });
      this.#counts.enter(slot);
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

  /** The addresses that a Service may share because of its key, backends and ports, the lowest first. */
  sharedBy(service: ServiceView, family: Family): Iterable<Slot> {
    const { sharer } = this.#requestOf(service);
    const group = sharer.key === undefined ? undefined : this.#groups.get(groupName(family, sharer));
    return group?.openTo(service.key, sharer.ports ?? new Set()) ?? [];
  }

  /** The Services that use the address, and those that its entry names. */
  sharersAt(slot: Slot): Sharers {
    const known = this.#sharers.get(slot);
    if (known !== undefined) return known;
    const sharers = new Sharers();
    const { users } = slot;
    for (const ref of formerRefs(slot)) {
      sharers.set(`${ref.namespace}/${ref.name}`, this.leavingSharer(slot, ref));
    }
    for (const user of users) sharers.set(user.key, this.#requestOf(user).sharer);
    this.#sharers.set(slot, sharers);
    return sharers;
  }

  /** What other Services must be able to share with, as long as the entry names a Service that leaves. */
  leavingSharer({ entry }: Slot, ref: ServiceRef): Sharer {
    const service = this.#living(ref.uid);
    return leavingSharer(ref, { key: entry?.sharingKey, now: service && this.#requestOf(service).sharer });
  }

  /** The lowest free address of a pool. It stays free until it is claimed. */
  lowestFree(pool: EffectivePool, family: Family): Ip | undefined {
    let free = this.#free.get(pool);
    if (free === undefined) {
      const { IPv4, IPv6 } = this.#taken;
      free = { IPv4: new FreeAddresses(pool, 'IPv4', IPv4), IPv6: new FreeAddresses(pool, 'IPv6', IPv6) };
      this.#free.set(pool, free);
    }
    return free[family].lowest();
  }

  /** The number of addresses that a namespace has of a pool with a quota, including those reserved for or because of its Services. */
  countOf(pool: string, namespace: string): number {
    return this.#counts.of(pool, namespace);
  }

  /** The slot of an address; a new one if there is none. */
  open(address: Ip, pool: string): Slot {
    return this.slots.get(address) ?? this.#add(newSlot(address, pool));
  }

  /** Moves the address to another pool. */
  moveToPool(slot: Slot, pool: string): void {
    this.#counts.move(slot, pool);
    slot.pool = pool;
  }

  /** Adds the Service to the users of the address. */
  claim(slot: Slot, service: ServiceView): void {
    this.#counts.change(slot, service.namespace, 1);
    this.#sharers.get(slot)?.set(service.key, this.#requestOf(service).sharer);
    slot.users.push(service);
  }

  /** Sets by which key, and with which backends, other Services may share the address. */
  shareBy(slot: Slot, sharer: Pick<Sharer, 'key' | 'backends'>): void {
    slot.sharingKey = sharer.key;
    const group = sharer.key === undefined ? undefined : this.#groupOf(groupName(slot.family, sharer));
    if (slot.group === group) return;
    slot.group = group;
    group?.add(slot);
  }

  /** Adds the Service to the users of an address that it left before. */
  resume(slot: Slot, service: ServiceView): void {
    if (!this.slots.has(slot.address)) this.#add(slot);
    this.claim(slot, service);
  }

  /** Removes the Service from the users of the address. */
  leave(slot: Slot, service: ServiceView): void {
    const at = slot.users.indexOf(service);
    if (at < 0) return;
    this.#counts.change(slot, service.namespace, -1);
    slot.users.splice(at, 1);
    const sharers = this.#sharers.get(slot);
    const ref = sharers && recordOf(service, slot);
    if (ref) sharers.set(service.key, this.leavingSharer(slot, ref));
    else sharers?.delete(service.key);
    if (slot.entry !== undefined || slot.users.length > 0) return;
    this.slots.delete(slot.address);
    this.#taken[slot.family].delete(slot.value);
    this.shareBy(slot, { key: undefined, backends: undefined });
    if (shownBy(service).includes(slot.address)) this.guard(slot.address, service);
  }

  /** Removes Services from the users of all addresses. */
  dismiss(isDismissed: (service: ServiceView) => boolean, isolation: Isolation<ServiceView>): void {
    if (isolation.errors.size === 0) return;
    for (const slot of [...this.slots.values()]) {
      for (const user of slot.users.filter(isDismissed)) isolation.step(user, () => this.leave(slot, user));
    }
  }

  #add(slot: Slot): Slot {
    this.slots.set(slot.address, slot);
    this.#taken[slot.family].add(slot.value);
    return slot;
  }

  #groupOf(name: string): SharedAddresses {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new SharedAddresses((slot) => this.sharersAt(slot));
    this.#groups.set(name, group);
    return group;
  }
}

/** Backends contain no line end. */
function groupName(family: Family, { key, backends }: Pick<Sharer, 'key' | 'backends'>): string {
  return `${family} ${key}\n${backends}`;
}
