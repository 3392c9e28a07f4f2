/** ARP for IPv4 over Ethernet (RFC 826): decodes and encodes frames, and reads single fields in place for the hot path. */
import type { Ip } from '../addr/ip.ts';
import {
  byteAt,
  ethernetHeaderLength,
  ethernetOffset,
  etherType,
  macBytes,
  macLength,
  macTextAt,
  readInt32,
  readUint16,
  writeUint16,
} from './ethernet.ts';

/** Bytes of an Ethernet frame with an ARP packet, without the padding to 60 bytes on the wire. */
export const arpFrameLength = 42;

/** Bytes of an IPv4 address. */
export const ipv4Length = 4;

/** The operations that Berth uses (RFC 826 "ares_op"). */
export const arpOperation = { request: 1, reply: 2 } as const;

/** The offset of each field from the first byte of the Ethernet header. */
export const arpOffset = {
  ...ethernetOffset,
  hardwareType: ethernetHeaderLength,
  protocolType: 16,
  hardwareLength: 18,
  protocolLength: 19,
  operation: 20,
  senderMac: 22,
  senderIp: 28,
  targetMac: 32,
  targetIp: 38,
} as const;

/** ARP hardware type of Ethernet (IANA "ARP Parameters"). */
const ethernetHardware = 1;

/** The reasons why a frame contains no valid ARP packet. */
export const arpFaults = ['Runt', 'VlanTagged', 'NotArp', 'Malformed'] as const;

/** One of {@link arpFaults}. */
type ArpFault = (typeof arpFaults)[number];

/** An ARP packet and the Ethernet addresses of its frame. */
export interface ArpFrame {
  readonly destination: string;
  readonly source: string;
  readonly operation: number;
  readonly senderMac: string;
  readonly senderIp: Ip;
  readonly targetMac: string;
  readonly targetIp: Ip;
}

/**
 * The fault of the first `length` bytes as an ARP frame; undefined if they are valid. Allocates nothing and reads nothing after
 * `length`. Bytes after the packet are padding (Ethernet's minimum payload is 46 bytes) and are allowed.
 */
export function checkArp(frame: Uint8Array, length: number): ArpFault | undefined {
  if (length < ethernetHeaderLength || length > frame.length) return 'Runt';
  const type = readUint16(frame, arpOffset.etherType);
  if (type === etherType.vlan || type === etherType.serviceVlan) return 'VlanTagged';
  if (type !== etherType.arp) return 'NotArp';
  if (length < arpFrameLength) return 'Runt';
  return isEthernetIpv4(frame) ? undefined : 'Malformed';
}

/** Are types and lengths those of Ethernet and IPv4? No other lengths than 6 and 4 are accepted (RFC 826 "Packet format"). */
function isEthernetIpv4(frame: Uint8Array): boolean {
  return (
    readUint16(frame, arpOffset.hardwareType) === ethernetHardware &&
    readUint16(frame, arpOffset.protocolType) === etherType.ipv4 &&
    byteAt(frame, arpOffset.hardwareLength) === macLength &&
    byteAt(frame, arpOffset.protocolLength) === ipv4Length
  );
}

/** Decodes the packet in the first `length` bytes (default: all), or returns the fault. */
export function decodeArp(frame: Uint8Array, length = frame.length): ArpFrame | ArpFault {
  const fault = checkArp(frame, length);
  if (fault !== undefined) return fault;
  return {
    destination: macTextAt(frame, arpOffset.destination),
    source: macTextAt(frame, arpOffset.source),
    operation: readUint16(frame, arpOffset.operation),
    senderMac: macTextAt(frame, arpOffset.senderMac),
    senderIp: ipv4TextAt(frame, arpOffset.senderIp),
    targetMac: macTextAt(frame, arpOffset.targetMac),
    targetIp: ipv4TextAt(frame, arpOffset.targetIp),
  };
}

/** The sender's address in a frame that `checkArp` accepted. */
export function senderIpOf(frame: Uint8Array): Ip {
  return ipv4TextAt(frame, arpOffset.senderIp);
}

/** The sender's hardware address in a frame that `checkArp` accepted. */
export function senderMacOf(frame: Uint8Array): string {
  return macTextAt(frame, arpOffset.senderMac);
}

/** Encodes a packet to a frame of {@link arpFrameLength} bytes. Throws a TypeError if an address is invalid. */
export function encodeArp(packet: ArpFrame): Uint8Array {
  const frame = new Uint8Array(arpFrameLength);
  writeArpHeader(frame, packet.operation);
  frame.set(macBytes(packet.destination), arpOffset.destination);
  frame.set(macBytes(packet.source), arpOffset.source);
  frame.set(macBytes(packet.senderMac), arpOffset.senderMac);
  frame.set(macBytes(packet.targetMac), arpOffset.targetMac);
  const view = new DataView(frame.buffer);
  view.setInt32(arpOffset.senderIp, ipv4Key(packet.senderIp));
  view.setInt32(arpOffset.targetIp, ipv4Key(packet.targetIp));
  return frame;
}

/** Writes the fields that all ARP frames share, and the operation. Allocates nothing. */
export function writeArpHeader(frame: Uint8Array, operation: number): void {
  writeUint16(frame, arpOffset.etherType, etherType.arp);
  writeUint16(frame, arpOffset.hardwareType, ethernetHardware);
  writeUint16(frame, arpOffset.protocolType, etherType.ipv4);
  frame[arpOffset.hardwareLength] = macLength;
  frame[arpOffset.protocolLength] = ipv4Length;
  writeUint16(frame, arpOffset.operation, operation);
}

/** An IPv4 address as the signed 32 bits that `readInt32` reads from a frame. Throws a TypeError for any other text. */
export function ipv4Key(ip: Ip): number {
  const bytes = ip.split('.').map(Number);
  if (bytes.length !== ipv4Length || !bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) {
    throw new TypeError(`"${ip}" is not an IPv4 address`);
  }
  return readInt32(Uint8Array.from(bytes), 0);
}

/** The IPv4 address at `offset`. Any four bytes are a valid address, so nothing needs to be checked. */
export function ipv4TextAt(frame: Uint8Array, offset: number): Ip {
  return frame.subarray(offset, offset + ipv4Length).join('.') as Ip;
}
