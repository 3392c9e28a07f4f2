/** TCP segments without data in Ethernet frames (RFC 9293), over IPv4 (RFC 791) and IPv6 (RFC 8200): decodes and encodes frames. */
import { familyOf, type Ip } from '../addr/ip.ts';
import { ipv4Key, ipv4Length, ipv4TextAt } from './arp.ts';
import {
  byteAt,
  ethernetHeaderLength,
  ethernetOffset,
  etherType,
  macBytes,
  macTextAt,
  readInt32,
  readUint16,
  writeUint16,
} from './ethernet.ts';
import { ipv6Bytes, ipv6Length, ipv6Offset, ipv6TextAt } from './ipv6.ts';

/** The protocol number of TCP, which is also its next header value in IPv6 (IANA "Protocol Numbers"). */
export const tcp = 6;

/** The control bits that Berth uses (RFC 9293 section 3.1). */
export const tcpFlag = { synchronize: 0x02, reset: 0x04, acknowledge: 0x10 } as const;

/** The offset of each field of an IPv4 header, and of the payload after a header without options, from the first byte of the frame. */
export const ipv4Offset = {
  version: ethernetHeaderLength,
  totalLength: 16,
  fragment: 20,
  timeToLive: 22,
  protocol: 23,
  checksum: 24,
  source: 26,
  destination: 30,
  payload: 34,
} as const;

/** Version 4, and a header length of five words: no options. */
export const plainIpv4 = 0x45;

/** The flag "don't fragment", which the kernel sets in most packets. Any other bit of the field means a fragment. */
export const dontFragment = 0x4000;

/** The offset of each field from the first byte of a segment. */
export const tcpOffset = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgment: 8,
  headerLength: 12,
  flags: 13,
  window: 14,
  checksum: 16,
} as const;

/** Bytes of a header without options. */
const tcpHeaderLength = 20;

/** The time to live of sent packets (RFC 1700 "IP TIME TO LIVE PARAMETER"). */
const hops = 64;

/** The reasons why a frame contains no valid segment. */
export const tcpFaults = ['Runt', 'NotTcp', 'Malformed', 'BadChecksum'] as const;

/** One of {@link tcpFaults}. */
type TcpFault = (typeof tcpFaults)[number];

/** A segment, with the addresses of its packet and its frame. */
export interface TcpFrame {
  readonly destination: string;
  readonly source: string;
  readonly sourceIp: Ip;
  readonly destinationIp: Ip;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 32 bits, unsigned. */
  readonly sequence: number;
  /** 32 bits, unsigned; 0 without the flag ACK. */
  readonly acknowledgment: number;
  /** {@link tcpFlag}s. */
  readonly flags: number;
  readonly window: number;
}

/** Encodes a segment without options and data to a frame. Throws a TypeError if an address is invalid. */
export function encodeTcp(packet: TcpFrame): Uint8Array {
  const isIpv4 = familyOf(packet.destinationIp) === 'IPv4';
  const at = isIpv4 ? ipv4Offset.payload : ipv6Offset.payload;
  const frame = new Uint8Array(at + tcpHeaderLength);
  frame.set(macBytes(packet.destination), ethernetOffset.destination);
  frame.set(macBytes(packet.source), ethernetOffset.source);
  if (isIpv4) writeIpv4(frame, packet);
  else writeIpv6(frame, packet);
  writeSegment(frame, at, packet);
  const sum = isIpv4
    ? addressSum(frame, ipv4Offset.source, ipv4Length)
    : addressSum(frame, ipv6Offset.source, ipv6Length);
  writeUint16(
    frame,
    at + tcpOffset.checksum,
    ~sumOf(frame, { from: at, to: frame.length, start: sum + tcp + tcpHeaderLength }),
  );
  return frame;
}

function writeIpv4(frame: Uint8Array, { sourceIp, destinationIp }: TcpFrame): void {
  const view = new DataView(frame.buffer);
  writeUint16(frame, ethernetOffset.etherType, etherType.ipv4);
  frame[ipv4Offset.version] = plainIpv4;
  writeUint16(frame, ipv4Offset.totalLength, frame.length - ethernetHeaderLength);
  // A packet that is never fragmented needs no identification (RFC 6864 section 4.1).
  writeUint16(frame, ipv4Offset.fragment, dontFragment);
  frame[ipv4Offset.timeToLive] = hops;
  frame[ipv4Offset.protocol] = tcp;
  view.setInt32(ipv4Offset.source, ipv4Key(sourceIp));
  view.setInt32(ipv4Offset.destination, ipv4Key(destinationIp));
  const header = { from: ethernetHeaderLength, to: ipv4Offset.payload, start: 0 };
  writeUint16(frame, ipv4Offset.checksum, ~sumOf(frame, header));
}

function writeIpv6(frame: Uint8Array, { sourceIp, destinationIp }: TcpFrame): void {
  writeUint16(frame, ethernetOffset.etherType, etherType.ipv6);
  // Version 6; traffic class and flow label stay 0.
  writeUint16(frame, ipv6Offset.version, 0x6000);
  writeUint16(frame, ipv6Offset.payloadLength, tcpHeaderLength);
  frame[ipv6Offset.nextHeader] = tcp;
  frame[ipv6Offset.hopLimit] = hops;
  frame.set(ipv6Bytes(sourceIp), ipv6Offset.source);
  frame.set(ipv6Bytes(destinationIp), ipv6Offset.destination);
}

function writeSegment(frame: Uint8Array, at: number, packet: TcpFrame): void {
  const view = new DataView(frame.buffer);
  writeUint16(frame, at + tcpOffset.sourcePort, packet.sourcePort);
  writeUint16(frame, at + tcpOffset.destinationPort, packet.destinationPort);
  view.setUint32(at + tcpOffset.sequence, packet.sequence);
  view.setUint32(at + tcpOffset.acknowledgment, packet.acknowledgment);
  frame[at + tcpOffset.headerLength] = (tcpHeaderLength / 4) << 4;
  frame[at + tcpOffset.flags] = packet.flags;
  writeUint16(frame, at + tcpOffset.window, packet.window);
}

/**
 * Decodes the segment in the first `length` bytes (default: all), or returns the fault. Data and the TCP checksum are not checked: between
 * two interfaces of one machine the kernel leaves the checksum incomplete (CHECKSUM_PARTIAL). An expected answer is recognized by its
 * acknowledgment number.
 */
export function decodeTcp(frame: Uint8Array, length = frame.length): TcpFrame | TcpFault {
  if (length < ethernetHeaderLength || length > frame.length) return 'Runt';
  const type = readUint16(frame, ethernetOffset.etherType);
  const segment =
    type === etherType.ipv4
      ? segmentOverIpv4(frame, length)
      : type === etherType.ipv6
        ? segmentOverIpv6(frame, length)
        : 'NotTcp';
  if (typeof segment === 'string') return segment;
  const { at, end, sourceIp, destinationIp } = segment;
  const headerLength = (byteAt(frame, at + tcpOffset.headerLength) >> 4) * 4;
  if (headerLength < tcpHeaderLength || at + headerLength > end) return 'Malformed';
  return {
    destination: macTextAt(frame, ethernetOffset.destination),
    source: macTextAt(frame, ethernetOffset.source),
    ...{ sourceIp, destinationIp },
    sourcePort: readUint16(frame, at + tcpOffset.sourcePort),
    destinationPort: readUint16(frame, at + tcpOffset.destinationPort),
    sequence: readInt32(frame, at + tcpOffset.sequence) >>> 0,
    acknowledgment: readInt32(frame, at + tcpOffset.acknowledgment) >>> 0,
    flags: byteAt(frame, at + tcpOffset.flags),
    window: readUint16(frame, at + tcpOffset.window),
  };
}

/** The start and the end of a segment, with at least a header without options in between. */
interface Segment {
  readonly at: number;
  readonly end: number;
  readonly sourceIp: Ip;
  readonly destinationIp: Ip;
}

/** Finds the segment in an IPv4 packet. Every length is checked. Fragments are rejected: the expected segments fit into any packet. */
function segmentOverIpv4(frame: Uint8Array, length: number): Segment | TcpFault {
  if (length < ipv4Offset.payload) return 'Runt';
  const version = byteAt(frame, ipv4Offset.version);
  const at = ethernetHeaderLength + (version & 0x0f) * 4;
  if (version >> 4 !== 4 || at < ipv4Offset.payload) return 'Malformed';
  if (byteAt(frame, ipv4Offset.protocol) !== tcp) return 'NotTcp';
  if ((readUint16(frame, ipv4Offset.fragment) & ~dontFragment) !== 0) return 'NotTcp';
  const end = ethernetHeaderLength + readUint16(frame, ipv4Offset.totalLength);
  if (end > length) return 'Runt';
  if (at + tcpHeaderLength > end) return 'Malformed';
  if (sumOf(frame, { from: ethernetHeaderLength, to: at, start: 0 }) !== 0xffff) return 'BadChecksum';
  const sourceIp = ipv4TextAt(frame, ipv4Offset.source);
  return { at, end, sourceIp, destinationIp: ipv4TextAt(frame, ipv4Offset.destination) };
}

/** Finds the segment in an IPv6 packet. Packets with extension headers are rejected. */
function segmentOverIpv6(frame: Uint8Array, length: number): Segment | TcpFault {
  const at = ipv6Offset.payload;
  if (length < at) return 'Runt';
  if (byteAt(frame, ipv6Offset.version) >> 4 !== 6) return 'Malformed';
  if (byteAt(frame, ipv6Offset.nextHeader) !== tcp) return 'NotTcp';
  const end = at + readUint16(frame, ipv6Offset.payloadLength);
  if (end > length) return 'Runt';
  if (at + tcpHeaderLength > end) return 'Malformed';
  const sourceIp = ipv6TextAt(frame, ipv6Offset.source);
  return { at, end, sourceIp, destinationIp: ipv6TextAt(frame, ipv6Offset.destination) };
}

/** The sum of the two adjacent addresses in the frame, which are part of the pseudo-header (RFC 9293 section 3.1). */
function addressSum(frame: Uint8Array, from: number, addressLength: number): number {
  return sumOf(frame, { from, to: from + 2 * addressLength, start: 0 });
}

/** The one's complement sum, in 16 bits, of an even number of bytes (RFC 1071). */
function sumOf(
  frame: Uint8Array,
  { from, to, start }: { readonly from: number; readonly to: number; readonly start: number },
): number {
  let sum = start;
  for (let i = from; i < to; i += 2) sum += readUint16(frame, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
