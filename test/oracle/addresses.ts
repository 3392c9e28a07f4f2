/** IP addresses and ranges, with arithmetic of its own. Node's `isIPv4` and `isIPv6` decide whether a text is an address. */
import { isIPv4, isIPv6 } from 'node:net';

/** An IP family. */
export type Family = 'IPv4' | 'IPv6';

/** An address as a number. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** All addresses from the first to the last. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** Parses an address. Returns undefined if the text is none. */
export function addressIn(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 'IPv4', value: joined(text.split('.').map(Number), 8n) };
  // A zone names a link. No Service has such an address.
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { family: 'IPv6', value: joined(groupsOf(text), 16n) };
}

/** The canonical text of an address: dotted for IPv4, RFC 5952 section 4 for IPv6. */
export function textOf({ family, value }: Address): string {
  if (family === 'IPv4') return parts(value, 8n, 4).join('.');
  const groups = parts(value, 16n, 8).map((group) => group.toString(16));
  const [from, length] = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}

/** The canonical text of an address. A text that is no address is returned unchanged. */
export function canonical(text: string): string {
  const address = addressIn(text);
  return address === undefined ? text : textOf(address);
}

/** Parses a range of a pool: a CIDR, `first-last`, or one address. Returns undefined if the text is none of these. */
export function rangeIn(text: string): Range | undefined {
  if (text.includes('/')) return cidrIn(text);
  const ends = text.split('-').map((end) => addressIn(end.trim()));
  const [first, last = first] = ends;
  if (first === undefined || last === undefined || ends.length > 2 || ends.includes(undefined)) return undefined;
  if (first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

/** Whether the address is in the range. */
export function isIn({ family, value }: Address, range: Range): boolean {
  return family === range.family && range.first <= value && value <= range.last;
}

/** Whether an IPv4 address ends in .0 or .255. */
export function isBuggy({ family, value }: Address): boolean {
  return family === 'IPv4' && (value % 256n === 0n || value % 256n === 255n);
}

function cidrIn(text: string): Range | undefined {
  const [base = '', bits = '', ...rest] = text.split('/');
  const address = addressIn(base);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  const width = address.family === 'IPv4' ? 32 : 128;
  if (Number(bits) > width) return undefined;
  const size = 2n ** BigInt(width - Number(bits));
  const first = (address.value / size) * size;
  return { family: address.family, first, last: first + size - 1n };
}

function joined(digits: readonly number[], bits: bigint): bigint {
  return digits.reduce((sum, digit) => (sum << bits) + BigInt(digit), 0n);
}

function parts(value: bigint, bits: bigint, count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, i) => (value >> (bits * BigInt(count - 1 - i))) % (1n << bits));
}

function groupsOf(text: string): readonly number[] {
  const [head = '', tail] = text.split('::');
  const groups = (half: string) => (half === '' ? [] : half.split(':').flatMap(groupOf));
  if (tail === undefined) return groups(head);
  const [before, after] = [groups(head), groups(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** The last two groups may be written as an IPv4 address. */
function groupOf(text: string): readonly number[] {
  if (!text.includes('.')) return [Number.parseInt(text, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function longestZeros(groups: readonly string[]): readonly [from: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  for (let from = 0; from < groups.length; from++) {
    let length = 0;
    while (groups[from + length] === '0') length++;
    if (length > best[1]) best = [from, length];
  }
  return best;
}
