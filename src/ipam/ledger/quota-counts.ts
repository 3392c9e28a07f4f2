/** How many addresses of each pool with a quota a namespace has. */
import type { PoolView } from '../../api/pool.ts';
import type { Slot } from './slot.ts';

/**
 * An address counts for the namespaces of its users, of the Services that its entry names, of those that had it before it was reserved, and
 * of the Service that had to leave it for a conflict.
 */
export class QuotaCounts {
  readonly #counts: ReadonlyMap<string, Map<string, number>>;
  /** The number of users and names of an address by namespace, for addresses that were asked about. */
  readonly #members = new WeakMap<Slot, Map<string, number>>();

  constructor(pools: readonly PoolView[]) {
    const limited = pools.filter(({ quota }) => quota !== undefined);
    this.#counts = new Map(limited.map(({ name }) => [name, new Map()]));
  }

  /** The addresses of a pool with a quota that count for the namespace. */
  of(pool: string, namespace: string): number {
    return this.#counts.get(pool)?.get(namespace) ?? 0;
  }

  /** Counts an address of the ledger. */
  enter(slot: Slot): void {
    const counts = this.#counts.get(slot.pool);
    if (counts) for (const namespace of this.#membersOf(slot).keys()) bump(counts, namespace, 1);
  }

  /** Counts an address for another pool. */
  move(slot: Slot, pool: string): void {
    for (const [name, by] of [[slot.pool, -1] as const, [pool, 1] as const]) {
      const counts = this.#counts.get(name);
      if (counts) for (const namespace of this.#membersOf(slot).keys()) bump(counts, namespace, by);
    }
  }

  /** Counts a Service of this namespace that is about to become a user (1), or to leave (-1). */
  change(slot: Slot, namespace: string, by: 1 | -1): void {
    const counts = this.#counts.get(slot.pool);
    if (counts === undefined) return;
    const members = this.#membersOf(slot);
    const before = members.has(namespace);
    bump(members, namespace, by);
    if (members.has(namespace) !== before) bump(counts, namespace, by);
  }

  #membersOf(slot: Slot): Map<string, number> {
    const known = this.#members.get(slot);
    if (known !== undefined) return known;
    const members = new Map<string, number>();
    const { entry, users } = slot;
    for (const { namespace } of [...users, ...(entry?.services ?? [])]) bump(members, namespace, 1);
    for (const namespace of entry?.formerNamespaces ?? []) bump(members, namespace, 1);
    if (entry?.quarantine) bump(members, entry.quarantine.service.namespace, 1);
    this.#members.set(slot, members);
    return members;
  }
}

function bump(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
