/** The addresses of all pools, and which of them are free, during one pass. */
import { type Ip, ipFromNumber, ipToNumber } from '../addr/ip.ts';
import { contains } from '../addr/range.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { PoolView } from '../api/pool.ts';

/** A free address and the pool that it comes from. */
export interface Choice {
  readonly address: Ip;
  readonly pool: string;
}

/**
 * Free addresses of a pool, lowest first. It only moves up: within one pass addresses are taken, never given back,
 * so a full pool costs one scan however many Services wait for it.
 */
class PoolCursor {
  readonly pool: PoolView;
  readonly #taken: ReadonlySet<bigint>;
  #range = 0;
  #next: bigint | undefined;

  constructor(pool: PoolView, taken: ReadonlySet<bigint>) {
    this.pool = pool;
    this.#taken = taken;
  }

  /** The lowest free address, still free after the call; undefined when the pool is full. */
  lowestFree(): Choice | undefined {
    for (; this.#range < this.pool.ranges.length; this.#range++, this.#next = undefined) {
      const range = this.pool.ranges[this.#range];
      if (range === undefined || range.family !== 'IPv4') continue;
      let value = this.#next ?? range.first;
      while (value <= range.last && this.#taken.has(value)) value++;
      this.#next = value;
      if (value <= range.last) return { address: ipFromNumber(value, range.family), pool: this.pool.name };
    }
    return undefined;
  }
}

/** The pools of one pass, in the order in which they are asked: by name. */
export class FreeAddresses {
  readonly pools: readonly PoolView[];
  readonly #taken: Set<bigint>;
  readonly #cursors: readonly PoolCursor[];

  constructor(pools: readonly PoolView[], ledger: readonly AllocationView[]) {
    this.pools = [...pools].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#taken = new Set(ledger.map(({ value }) => value));
    this.#cursors = this.pools.map((pool) => new PoolCursor(pool, this.#taken));
  }

  /** The pool that holds an address. */
  poolOf(address: Ip): string | undefined {
    return this.pools.find(({ ranges }) => ranges.some((range) => contains(range, address)))?.name;
  }

  /** Is the address free (whether or not a pool holds it)? */
  isFree(address: Ip): boolean {
    return !this.#taken.has(ipToNumber(address));
  }

  /** The lowest free address of the first pool that gives addresses by itself and has one. */
  lowest(): Choice | undefined {
    for (const cursor of this.#cursors) {
      const choice = cursor.pool.autoAssign ? cursor.lowestFree() : undefined;
      if (choice !== undefined) return choice;
    }
    return undefined;
  }

  /** From now on the address is taken. */
  take(address: Ip): void {
    this.#taken.add(ipToNumber(address));
  }
}
