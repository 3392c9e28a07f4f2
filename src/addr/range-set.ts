/** Sets of addresses: sorted ranges that neither overlap nor touch, IPv4 before IPv6. A huge IPv6 range costs no more than a small one. */
import type { Family } from './ip.ts';
import type { IpRange } from './range.ts';

/** A set of addresses, made by `rangeSet`. */
export type RangeSet = readonly IpRange[];

/** The set of all addresses in these ranges. The ranges may overlap and come in any order. */
export function rangeSet(ranges: readonly IpRange[]): RangeSet {
  const set: IpRange[] = [];
  for (const range of [...ranges].sort(byStart)) {
    const before = set.at(-1);
    if (before === undefined || before.family !== range.family || range.first > before.last + 1n) set.push(range);
    else if (range.last > before.last) set[set.length - 1] = { ...before, last: range.last };
  }
  return set;
}

/** The addresses that are in both sets. */
export function intersect(a: RangeSet, b: RangeSet): RangeSet {
  const both: IpRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left, right] = [a[i], b[j]] as [IpRange, IpRange];
    if (left.family === right.family) {
      const first = left.first > right.first ? left.first : right.first;
      const last = left.last < right.last ? left.last : right.last;
      if (first <= last) both.push({ family: left.family, first, last });
    }
    // The range that ends first cannot overlap any later range of the other set.
    if (endsBefore(left, right)) i++;
    else j++;
  }
  return both;
}

/** The addresses that are in the first set and not in the second. */
export function subtract(set: RangeSet, others: RangeSet): RangeSet {
  const left: IpRange[] = [];
  let j = 0;
  for (const range of set) {
    while (j < others.length && isBelow(others[j] as IpRange, range)) j++;
    let first = range.first;
    for (let k = j; k < others.length; k++) {
      const other = others[k] as IpRange;
      if (other.family !== range.family || other.first > range.last) break;
      if (other.first > first) left.push({ family: range.family, first, last: other.first - 1n });
      first = other.last + 1n;
    }
    if (first <= range.last) left.push({ family: range.family, first, last: range.last });
  }
  return left;
}

/** The number of addresses of a family in the set. */
export function sizeOf(set: RangeSet, family: Family): bigint {
  return set.reduce((sum, range) => (range.family === family ? sum + range.last - range.first + 1n : sum), 0n);
}

/** The index of the range that contains an address, or -1. */
export function indexIn(set: RangeSet, family: Family, value: bigint): number {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = set[middle] as IpRange;
    if (range.family === family && range.first <= value && value <= range.last) return middle;
    const above = range.family === family ? value > range.last : range.family < family;
    if (above) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Does the set contain the address? */
export function holds(set: RangeSet, family: Family, value: bigint): boolean {
  return indexIn(set, family, value) >= 0;
}

function byStart(a: IpRange, b: IpRange): number {
  if (a.family !== b.family) return a.family < b.family ? -1 : 1;
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}

function endsBefore(a: IpRange, b: IpRange): boolean {
  return a.family === b.family ? a.last < b.last : a.family < b.family;
}

/** Is the whole range below the other one? */
function isBelow(a: IpRange, b: IpRange): boolean {
  return a.family === b.family ? a.last < b.first : a.family < b.family;
}
