/** The classic BPF programs of our packet sockets: which frames the kernel hands to us at all. */
import type { Family } from '../addr/ip.ts';
import { ethernetOffset, etherType } from '../wire/ethernet.ts';
import { icmpv6, ipv6Offset } from '../wire/ipv6.ts';
import { ndpOffset, ndpType } from '../wire/ndp.ts';
import { dontFragment, ipv4Offset, plainIpv4, tcp, tcpOffset } from '../wire/tcp.ts';

/** Opcodes of <linux/bpf_common.h>: load a byte, half-word or word at an offset, jump if equal, return. */
const op = { loadByte: 0x30, loadHalf: 0x28, loadWord: 0x20, jumpIfEqual: 0x15, return: 0x06 } as const;

/** Ancillary fields, read at "offsets" below zero (<linux/filter.h>, SKF_AD_OFF = -0x1000). */
const ancillary = { packetType: -0x1000 + 4, vlanTagPresent: -0x1000 + 48 } as const;

/** Packet types of packet(7). */
const packetType = { host: 0, broadcast: 1, multicast: 2 } as const;

/** What a socket receives. */
export interface FrameFilter {
  /** EtherType that the socket is bound to. */
  readonly protocol: number;
  /** An array of `struct sock_filter`. */
  readonly program: ArrayBuffer;
  /** Bytes of a frame that are handed over. */
  readonly snapLength: number;
}

/** A field of the frame, and the values of it that pass. */
interface Condition {
  readonly load: number;
  readonly at: number;
  readonly anyOf: readonly number[];
}

/** One instruction: opcode, operand, and how many instructions to skip if equal, or not. */
type Instruction = readonly [code: number, operand: number, ifEqual?: number, ifNot?: number];

/**
 * A port with VLANs hands us frames of other VLANs with the tag stripped, as packet type OTHERHOST: we would answer them
 * into the untagged network.
 */
function ofThisNetwork(...packetTypes: readonly number[]): readonly Condition[] {
  return [
    { load: op.loadWord, at: ancillary.packetType, anyOf: packetTypes },
    { load: op.loadWord, at: ancillary.vlanTagPresent, anyOf: [0] },
  ];
}

/** ARP for this host or for all, without a VLAN tag: a packet is 42 bytes, the rest is padding. */
export const arpForThisHost: FrameFilter = filterOf({ protocol: etherType.arp, snapLength: 64 }, [
  { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.arp] },
  ...ofThisNetwork(packetType.host, packetType.broadcast),
]);

/**
 * Neighbor Solicitations and Advertisements for this host or a group, without a VLAN tag. All IPv6 traffic of the link goes
 * through this program: the second condition ends it for nearly all. A whole frame is needed for its checksum; one
 * that is longer than Ethernet allows is counted as malformed.
 */
export const ndpForThisHost: FrameFilter = filterOf({ protocol: etherType.ipv6, snapLength: 1514 }, [
  { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.ipv6] },
  { load: op.loadByte, at: ipv6Offset.nextHeader, anyOf: [icmpv6] },
  { load: op.loadByte, at: ndpOffset.type, anyOf: [ndpType.solicitation, ndpType.advertisement] },
  ...ofThisNetwork(packetType.host, packetType.multicast),
]);

/**
 * TCP for this host, to one port, without options of IP. All traffic of the link goes through this program: the port is asked for
 * as soon as it is known where that stands, and ends it.
 */
export function tcpToPort(port: number, family: Family): FrameFilter {
  const snapLength = 128;
  const toPort = (at: number) => ({ load: op.loadHalf, at: at + tcpOffset.destinationPort, anyOf: [port] });
  if (family === 'IPv6') {
    return filterOf({ protocol: etherType.ipv6, snapLength }, [
      toPort(ipv6Offset.payload),
      { load: op.loadByte, at: ipv6Offset.nextHeader, anyOf: [tcp] },
      { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.ipv6] },
      ...ofThisNetwork(packetType.host),
    ]);
  }
  return filterOf({ protocol: etherType.ipv4, snapLength }, [
    toPort(ipv4Offset.payload),
    { load: op.loadByte, at: ipv4Offset.version, anyOf: [plainIpv4] },
    { load: op.loadByte, at: ipv4Offset.protocol, anyOf: [tcp] },
    { load: op.loadHalf, at: ipv4Offset.fragment, anyOf: [0, dontFragment] },
    { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.ipv4] },
    ...ofThisNetwork(packetType.host),
  ]);
}

function filterOf(
  { protocol, snapLength }: Omit<FrameFilter, 'program'>,
  conditions: readonly Condition[],
): FrameFilter {
  return { protocol, snapLength, program: encodeProgram(instructionsFor(conditions, snapLength)) };
}

/** All conditions hold: take so many bytes. One does not: take none. */
function instructionsFor(conditions: readonly Condition[], snapLength: number): readonly Instruction[] {
  const length = conditions.reduce((sum, { anyOf }) => sum + 1 + anyOf.length, 0) + 2;
  const program: Instruction[] = [];
  for (const { load, at, anyOf } of conditions) {
    program.push([load, at]);
    for (const [i, value] of anyOf.entries()) {
      const after = anyOf.length - 1 - i;
      // The last value that is not met leads to the last instruction, which is "none".
      program.push([op.jumpIfEqual, value, after, after > 0 ? 0 : length - 2 - program.length]);
    }
  }
  return [...program, [op.return, snapLength], [op.return, 0]];
}

function encodeProgram(program: readonly Instruction[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  for (const [i, [code, operand, ifEqual = 0, ifNot = 0]] of program.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, ifEqual);
    view.setUint8(i * 8 + 3, ifNot);
    view.setUint32(i * 8 + 4, operand, true);
  }
  return view.buffer;
}
