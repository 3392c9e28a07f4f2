/** A set of IPv6 addresses as sorted 32-bit words, four per address. A look-up uses the bytes of a frame and allocates nothing. */
import type { Ip } from '../addr/ip.ts';
import { readInt32 } from './ethernet.ts';
import { ipv6Bytes, ipv6Length } from './ipv6.ts';

/** The sorted words of all addresses; made by {@link packIpv6}. */
export type Ipv6Set = Int32Array;

/** Words per address. */
const words = 4;

/** The set of these addresses, and the former position of each of its members. Throws a TypeError if an address is not IPv6. */
export function packIpv6(ips: readonly Ip[]): { readonly set: Ipv6Set; readonly order: readonly number[] } {
  const members = ips.map((ip, position) => ({ words: wordsOf(ipv6Bytes(ip)), position }));
  members.sort((a, b) => order(a.words, b.words));
  return { set: Int32Array.from(members.flatMap((one) => one.words)), order: members.map(({ position }) => position) };
}

/** Is the address at `offset` in the set? The caller must have checked the length. */
export function hasIpv6At(set: Ipv6Set, frame: Uint8Array, offset: number): boolean {
  return indexOfIpv6At(set, frame, offset) !== -1;
}

/** The index of the address at `offset` in the set; -1 if it is not a member. */
export function indexOfIpv6At(set: Ipv6Set, frame: Uint8Array, offset: number): number {
  const w0 = readInt32(frame, offset);
  const w1 = readInt32(frame, offset + 4);
  const w2 = readInt32(frame, offset + 8);
  const w3 = readInt32(frame, offset + 12);
  let low = 0;
  let high = set.length / words;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * words;
    const difference =
      compare(set[at], w0) || compare(set[at + 1], w1) || compare(set[at + 2], w2) || compare(set[at + 3], w3);
    if (difference === 0) return middle;
    if (difference < 0) low = middle + 1;
    else high = middle;
  }
  return -1;
}

function wordsOf(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: ipv6Length / words }, (_, i) => readInt32(bytes, i * words));
}

function order(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < words; i++) {
    const difference = compare(a[i], b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Compares words as signed numbers. Any order is correct, as long as it is always the same. */
function compare(a: number | undefined, b: number): number {
  return a === b ? 0 : (a ?? 0) < b ? -1 : 1;
}
