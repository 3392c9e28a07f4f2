/** The free addresses of a pool. */
import { type Family, type Ip, ipFromNumber } from '../../addr/ip.ts';
import type { IpRange } from '../../addr/range.ts';
import type { RangeSet } from '../../addr/range-set.ts';
import type { EffectivePool } from '../pool-table.ts';

/** Finds free addresses, the lowest first. It only moves up: a full pool costs one scan, however many Services wait for it. */
export class FreeAddresses {
  readonly #ranges: RangeSet;
  readonly #family: Family;
  readonly #isTaken: (value: bigint) => boolean;
  #range = 0;
  #found: { readonly value: bigint; readonly address: Ip } | undefined;

  /** `taken` may change later. */
  constructor({ own, avoidBuggyIPs }: EffectivePool, family: Family, taken: ReadonlySet<bigint>) {
    this.#ranges = own.filter((range) => range.family === family);
    this.#family = family;
    this.#isTaken = avoidBuggyIPs ? (value) => taken.has(value) || isBuggy(family, value) : (value) => taken.has(value);
  }

  /** The lowest free address. It stays free until it is taken. */
  lowest(): Ip | undefined {
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

/** Does an IPv4 address end in .0 or .255? Some old routers treat these as network and broadcast addresses. */
export function isBuggy(family: Family, value: bigint): boolean {
  const last = value & 255n;
  return family === 'IPv4' && (last === 0n || last === 255n);
}
