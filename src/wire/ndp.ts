/**
 * Neighbor Solicitations and Advertisements over Ethernet (RFC 4861): decodes and encodes frames, and reads single fields in place for the
 * hot path.
 */
import type { Ip } from '../addr/ip.ts';
import {
  byteAt,
  ethernetHeaderLength,
  ethernetOffset,
  etherType,
  macBytes,
  macLength,
  macTextAt,
  readUint16,
  writeUint16,
} from './ethernet.ts';
import {
  icmpv6,
  icmpv6Sum,
  ipv6Bytes,
  ipv6Offset,
  ipv6TextAt,
  isGroupAt,
  isSolicitedNodeAt,
  isUnspecifiedAt,
} from './ipv6.ts';

/** The ICMPv6 types that Berth uses (RFC 4861 sections 4.3 and 4.4). */
export const ndpType = { solicitation: 135, advertisement: 136 } as const;

/** The flags of an advertisement, in the first byte after the checksum (RFC 4861 section 4.4). */
export const ndpFlag = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

/** The offset of each field from the first byte of the Ethernet header. */
export const ndpOffset = {
  ...ethernetOffset,
  sourceIp: ipv6Offset.source,
  destinationIp: ipv6Offset.destination,
  type: ipv6Offset.payload,
  code: 55,
  checksum: 56,
  flags: 58,
  target: 62,
  options: 78,
} as const;

/** The types of the options with a hardware address (RFC 4861 section 4.6.1), by the type of their message. */
const linkAddressOption = { solicitation: 1, advertisement: 2 } as const;

/** Bytes of such an option on Ethernet. Its length field counts units of 8 bytes (RFC 2464 section 6). */
const linkAddressLength = 8;

/** Bytes of a frame with a message and one link-layer address option. */
export const ndpFrameLength = ndpOffset.options + linkAddressLength;

/** Bytes of a message without options. */
const messageLength = ndpOffset.options - ipv6Offset.payload;

/** The hop limit of a packet from this link: every router decrements it, so only such a packet has 255 (RFC 4861 section 3.1). */
const onLinkHopLimit = 255;

/** The reasons why a frame contains no valid solicitation or advertisement. */
export const ndpFaults = ['Runt', 'VlanTagged', 'NotNdp', 'OffLink', 'BadChecksum', 'Malformed'] as const;

/** One of {@link ndpFaults}. */
type NdpFault = (typeof ndpFaults)[number];

/** A solicitation or advertisement, with the addresses of its frame. */
export interface NdpFrame {
  readonly destination: string;
  readonly source: string;
  readonly sourceIp: Ip;
  readonly destinationIp: Ip;
  /** One of {@link ndpType}. */
  readonly type: number;
  /** {@link ndpFlag}s of an advertisement; 0 in a solicitation. */
  readonly flags: number;
  readonly target: Ip;
  /** The hardware address of the sender (solicitation) or of the target (advertisement), from the option. */
  readonly linkAddress: string | undefined;
}

/**
 * The fault of the first `length` bytes as a solicitation or advertisement; undefined if they are valid. Allocates nothing and reads
 * nothing after `length`. Bytes after the IPv6 payload are padding (Ethernet's minimum payload is 46 bytes) and are allowed. A packet with
 * extension headers is rejected: Neighbor Discovery uses none, and its messages must not be fragmented (RFC 6980).
 */
export function checkNdp(frame: Uint8Array, length: number): NdpFault | undefined {
  if (length < ethernetHeaderLength || length > frame.length) return 'Runt';
  const type = readUint16(frame, ndpOffset.etherType);
  if (type === etherType.vlan || type === etherType.serviceVlan) return 'VlanTagged';
  if (type !== etherType.ipv6) return 'NotNdp';
  if (length <= ndpOffset.type) return 'Runt';
  if (byteAt(frame, ipv6Offset.nextHeader) !== icmpv6 || !isNdpType(byteAt(frame, ndpOffset.type))) return 'NotNdp';
  if (length < ndpOffset.options) return 'Runt';
  return checkMessage(frame, length);
}

/** The checks of RFC 4861 sections 7.1.1 and 7.1.2 in their order, after a check of the payload's length against the received length. */
function checkMessage(frame: Uint8Array, length: number): NdpFault | undefined {
  const payload = readUint16(frame, ipv6Offset.payloadLength);
  if (byteAt(frame, ipv6Offset.version) >> 4 !== 6) return 'Malformed';
  if (payload < messageLength || ipv6Offset.payload + payload > length) return 'Malformed';
  if (byteAt(frame, ipv6Offset.hopLimit) !== onLinkHopLimit) return 'OffLink';
  if (icmpv6Sum(frame) !== 0xffff) return 'BadChecksum';
  return isWellFormed(frame) ? undefined : 'Malformed';
}

function isWellFormed(frame: Uint8Array): boolean {
  if (byteAt(frame, ndpOffset.code) !== 0) return false;
  // A group address is never a source address (RFC 4291 section 2.7).
  if (isGroupAt(frame, ndpOffset.target) || isGroupAt(frame, ndpOffset.sourceIp)) return false;
  const option = linkAddressAt(frame);
  if (option === badOptions) return false;
  if (!isSolicitation(frame)) return !isGroupAt(frame, ndpOffset.destinationIp) || !hasFlag(frame, ndpFlag.solicited);
  if (!isUnspecifiedAt(frame, ndpOffset.sourceIp)) return true;
  return option === noOption && isSolicitedNodeAt(frame, ndpOffset.destinationIp);
}

function isNdpType(type: number): boolean {
  return type === ndpType.solicitation || type === ndpType.advertisement;
}

/** Is a message that `checkNdp` accepted a solicitation? Otherwise it is an advertisement. */
export function isSolicitation(frame: Uint8Array): boolean {
  return frame[ndpOffset.type] === ndpType.solicitation;
}

function hasFlag(frame: Uint8Array, flag: number): boolean {
  return (byteAt(frame, ndpOffset.flags) & flag) !== 0;
}

/** What {@link linkAddressAt} returns instead of an offset. It never returns the second for a message that `checkNdp` accepted. */
const noOption = 0;
const badOptions = -1;

/**
 * The offset of the hardware address in the options of a message; 0 if there is none. The first of several options counts. Every length is
 * checked: a length of 0 would never end, and others would lead out of the payload (RFC 4861 section 4.6).
 */
export function linkAddressAt(frame: Uint8Array): number {
  const wanted = isSolicitation(frame) ? linkAddressOption.solicitation : linkAddressOption.advertisement;
  const end = ipv6Offset.payload + readUint16(frame, ipv6Offset.payloadLength);
  let found: number = noOption;
  for (let at: number = ndpOffset.options; at < end; ) {
    const length = at + 1 < end ? byteAt(frame, at + 1) * 8 : 0;
    if (length === 0 || at + length > end) return badOptions;
    if (found === noOption && byteAt(frame, at) === wanted) {
      if (length !== linkAddressLength) return badOptions;
      found = at + 2;
    }
    at += length;
  }
  return found;
}

/** The address that the sender of a message claims. `checkNdp` must have accepted the message. */
export function claimedIpOf(frame: Uint8Array): Ip {
  return ipv6TextAt(frame, isSolicitation(frame) ? ndpOffset.sourceIp : ndpOffset.target);
}

/** The hardware address that the sender of such a message claims. */
export function claimedMacOf(frame: Uint8Array): string {
  return macTextAt(frame, linkAddressAt(frame) || ndpOffset.source);
}

/** Decodes the message in the first `length` bytes (default: all), or returns the fault. */
export function decodeNdp(frame: Uint8Array, length = frame.length): NdpFrame | NdpFault {
  const fault = checkNdp(frame, length);
  if (fault !== undefined) return fault;
  const option = linkAddressAt(frame);
  return {
    destination: macTextAt(frame, ndpOffset.destination),
    source: macTextAt(frame, ndpOffset.source),
    sourceIp: ipv6TextAt(frame, ndpOffset.sourceIp),
    destinationIp: ipv6TextAt(frame, ndpOffset.destinationIp),
    type: byteAt(frame, ndpOffset.type),
    // The other bits of the field are reserved (RFC 4861 section 4.4). In a solicitation all bits are (section 4.3).
    flags: isSolicitation(frame) ? 0 : byteAt(frame, ndpOffset.flags) & allFlags,
    target: ipv6TextAt(frame, ndpOffset.target),
    linkAddress: option === noOption ? undefined : macTextAt(frame, option),
  };
}

const allFlags = ndpFlag.router | ndpFlag.solicited | ndpFlag.override;

/** Encodes a message to a frame. Throws a TypeError if an address is invalid. */
export function encodeNdp(packet: NdpFrame): Uint8Array {
  const { linkAddress } = packet;
  const frame = new Uint8Array(linkAddress === undefined ? ndpOffset.options : ndpFrameLength);
  frame.set(macBytes(packet.destination), ndpOffset.destination);
  frame.set(macBytes(packet.source), ndpOffset.source);
  frame.set(ipv6Bytes(packet.sourceIp), ndpOffset.sourceIp);
  frame.set(ipv6Bytes(packet.destinationIp), ndpOffset.destinationIp);
  frame.set(ipv6Bytes(packet.target), ndpOffset.target);
  writeNdpHeader(frame, packet.type, frame.length);
  frame[ndpOffset.flags] = packet.flags;
  if (linkAddress !== undefined) frame.set(macBytes(linkAddress), writeLinkAddressOption(frame));
  writeNdpChecksum(frame);
  return frame;
}

/** Writes the fields that all messages share, and the type, for a frame of `length` bytes. Allocates nothing. */
export function writeNdpHeader(frame: Uint8Array, type: number, length: number): void {
  writeUint16(frame, ndpOffset.etherType, etherType.ipv6);
  // Version 6; traffic class and flow label stay 0.
  writeUint16(frame, ipv6Offset.version, 0x6000);
  writeUint16(frame, ipv6Offset.version + 2, 0);
  writeUint16(frame, ipv6Offset.payloadLength, length - ipv6Offset.payload);
  frame[ipv6Offset.nextHeader] = icmpv6;
  frame[ipv6Offset.hopLimit] = onLinkHopLimit;
  frame[ndpOffset.type] = type;
  frame[ndpOffset.code] = 0;
  writeUint16(frame, ndpOffset.flags, 0);
  writeUint16(frame, ndpOffset.flags + 2, 0);
}

/** Writes the header of the link-layer address option after a message whose type is written. Returns the offset for the six bytes. */
export function writeLinkAddressOption(frame: Uint8Array): number {
  frame[ndpOffset.options] = isSolicitation(frame) ? linkAddressOption.solicitation : linkAddressOption.advertisement;
  frame[ndpOffset.options + 1] = linkAddressLength / 8;
  return ndpOffset.options + linkAddressLength - macLength;
}

/** Writes the checksum (RFC 4443 section 2.3). Everything else must be written before. Allocates nothing. */
export function writeNdpChecksum(frame: Uint8Array): void {
  writeUint16(frame, ndpOffset.checksum, 0);
  writeUint16(frame, ndpOffset.checksum, ~icmpv6Sum(frame) & 0xffff);
}
