/** IPv6 headers in Ethernet frames (RFC 8200), IPv6 addresses as bytes and as text, and the ICMPv6 checksum (RFC 4443 section 2.3). */
import type { Ip } from '../addr/ip.ts';
import { byteAt, ethernetHeaderLength, macTextAt, readUint16, writeUint16 } from './ethernet.ts';

/** Bytes of an IPv6 address. */
export const ipv6Length = 16;

/** The offset of each field of the header, and of the payload, from the first byte of the Ethernet header. */
export const ipv6Offset = {
  version: ethernetHeaderLength,
  payloadLength: 18,
  nextHeader: 20,
  hopLimit: 21,
  source: 22,
  destination: 38,
  payload: 54,
} as const;

/** The next header value of ICMPv6 (IANA "Protocol Numbers"). */
export const icmpv6 = 58;

/** The all-nodes group (RFC 4291 section 2.7.1) and its Ethernet address (RFC 2464 section 7). */
export const allNodes = { ip: 'ff02::1' as Ip, mac: '33:33:00:00:00:01' } as const;

/** ff02::1:ff00:0/104 (RFC 4291 section 2.7.1). */
const solicitedNodeStart = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff);

/** The solicited-node group of an address, as bytes: its last 24 bits are those of the address. */
export function solicitedNodeGroup(ip: Ip): Uint8Array {
  const group = ipv6Bytes(ip);
  group.set(solicitedNodeStart);
  return group;
}

/** The Ethernet address of a group: 33:33 and the group's last four bytes (RFC 2464 section 7). */
export function groupMac(group: Uint8Array): string {
  return macTextAt(Uint8Array.of(0x33, 0x33, ...group.subarray(-4)), 0);
}

/** Is the address at `offset` a solicited-node group? */
export function isSolicitedNodeAt(frame: Uint8Array, offset: number): boolean {
  for (let i = 0; i < solicitedNodeStart.length; i++) if (frame[offset + i] !== solicitedNodeStart[i]) return false;
  return true;
}

/** The unspecified address (RFC 4291 section 2.5.2). */
export const unspecified = '::' as Ip;

/** Is the address at `offset` the unspecified address `::`? */
export function isUnspecifiedAt(frame: Uint8Array, offset: number): boolean {
  for (let i = 0; i < ipv6Length; i++) if (frame[offset + i] !== 0) return false;
  return true;
}

/** Is the address at `offset` a multicast address (RFC 4291 section 2.7)? */
export function isGroupAt(frame: Uint8Array, offset: number): boolean {
  return frame[offset] === 0xff;
}

/**
 * The sixteen bytes of an address in canonical form (RFC 5952). Throws a TypeError for any other text. A library would need 0.1 s for the
 * 10,000 VIPs that one change may pass to the packet worker.
 */
export function ipv6Bytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(ipv6Length);
  const [front = [], back = []] = ip.split('::').map(groupsOf);
  const count = front.length + back.length;
  const whole = ip.includes('::') ? count < groupCount : count === groupCount;
  if (!whole || ![...front, ...back].every((group) => group >= 0 && group <= 0xffff)) {
    throw new TypeError(`"${ip}" is not an IPv6 address`);
  }
  for (const [i, group] of front.entries()) writeUint16(bytes, 2 * i, group);
  for (const [i, group] of back.entries()) writeUint16(bytes, ipv6Length - 2 * (back.length - i), group);
  return bytes;
}

const groupCount = ipv6Length / 2;

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number(`0x${group}`));
}

/** The address at `offset` in canonical form: `::` replaces the longest run of zeros, or the first of several (RFC 5952 section 4.2). */
export function ipv6TextAt(frame: Uint8Array, offset: number): Ip {
  const groups = Array.from({ length: groupCount }, (_, i) => readUint16(frame, offset + 2 * i).toString(16));
  const text = groups.join(':');
  const runs = [...text.matchAll(/\b0(:0)+\b/g)];
  const [longest] = runs.sort((a, b) => b[0].length - a[0].length);
  if (longest === undefined) return text as Ip;
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}` as Ip;
}

/**
 * The one's complement sum, in 16 bits, of the payload and its pseudo-header (RFC 8200 section 8.1). It is 0xffff if the checksum in the
 * payload is right. The caller must have checked that the payload ends inside the frame.
 */
export function icmpv6Sum(frame: Uint8Array): number {
  const length = readUint16(frame, ipv6Offset.payloadLength);
  const end = ipv6Offset.payload + length;
  // The two addresses and the payload are adjacent. The sum of 65,535 bytes of 0xff is below 2^32.
  let sum = length + icmpv6;
  for (let i = ipv6Offset.source; i + 1 < end; i += 2) sum += readUint16(frame, i);
  if ((length & 1) === 1) sum += byteAt(frame, end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
