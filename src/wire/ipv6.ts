/** IPv6 headers in Ethernet frames (RFC 8200), addresses as bytes and as text, and the checksum of ICMPv6 (RFC 4443 section 2.3). */
import { type Ip, ipFromNumber, ipToNumber } from '../addr/ip.ts';
import { byteAt, ethernetHeaderLength, readUint16 } from './ethernet.ts';

/** Bytes of an IPv6 address. */
export const ipv6Length = 16;

/** Where each field of the header starts, and what follows it, counted from the first byte of the Ethernet header. */
export const ipv6Offset = {
  version: ethernetHeaderLength,
  payloadLength: 18,
  nextHeader: 20,
  hopLimit: 21,
  source: 22,
  destination: 38,
  payload: 54,
} as const;

/** Next header of ICMPv6 (IANA "Protocol Numbers"). */
export const icmpv6 = 58;

/** All hosts of the link (RFC 4291 section 2.7.1), and their Ethernet address (RFC 2464 section 7). */
export const allNodes = { ip: 'ff02::1' as Ip, mac: '33:33:00:00:00:01' } as const;

/** The group in which the owner of an address listens for solicitations: ff02::1:ff and its last 24 bits (RFC 4291 section 2.7.1). */
export function solicitedNodeGroup(ip: Ip): Ip {
  return ipFromNumber(solicitedNodePrefix | BigInt.asUintN(24, ipToNumber(ip)), 'IPv6');
}

const solicitedNodePrefix = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;

/** Is the address at `offset` a solicited-node group? */
export function isSolicitedNodeAt(frame: Uint8Array, offset: number): boolean {
  for (let i = 0; i < solicitedNodeStart.length; i++) if (frame[offset + i] !== solicitedNodeStart[i]) return false;
  return true;
}

const solicitedNodeStart = ipv6Bytes('ff02::1:ff00:0' as Ip).subarray(0, 13);

/** Is the address at `offset` `::`, which stands for no address? */
export function isUnspecifiedAt(frame: Uint8Array, offset: number): boolean {
  for (let i = 0; i < ipv6Length; i++) if (frame[offset + i] !== 0) return false;
  return true;
}

/** Is the address at `offset` that of a group (RFC 4291 section 2.7)? */
export function isGroupAt(frame: Uint8Array, offset: number): boolean {
  return frame[offset] === 0xff;
}

/** The sixteen bytes of an address; throws a TypeError on an IPv4 one. */
export function ipv6Bytes(ip: Ip): Uint8Array {
  if (!ip.includes(':')) throw new TypeError(`"${ip}" is no IPv6 address`);
  const value = ipToNumber(ip);
  const view = new DataView(new ArrayBuffer(ipv6Length));
  view.setBigUint64(0, value >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, value));
  return new Uint8Array(view.buffer);
}

/** The address at `offset`, in canonical form. */
export function ipv6TextAt(frame: Uint8Array, offset: number): Ip {
  let value = 0n;
  for (let i = 0; i < ipv6Length; i++) value = (value << 8n) | BigInt(byteAt(frame, offset + i));
  return ipFromNumber(value, 'IPv6');
}

/**
 * The one's complement sum, in 16 bits, of the payload and of the pseudo-header before it (RFC 8200 section 8.1): 0xffff
 * where the checksum in the payload is right. The caller has checked that the payload ends in the frame.
 */
export function icmpv6Sum(frame: Uint8Array): number {
  const length = readUint16(frame, ipv6Offset.payloadLength);
  const end = ipv6Offset.payload + length;
  // The two addresses and the payload stand side by side. Not even 65,535 bytes of 0xff reach 2^32.
  let sum = length + icmpv6;
  for (let i = ipv6Offset.source; i + 1 < end; i += 2) sum += readUint16(frame, i);
  if ((length & 1) === 1) sum += byteAt(frame, end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
