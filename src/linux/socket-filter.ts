/** The classic BPF programs of Berth's packet sockets: they select the frames that the kernel delivers. */
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

/** Selects the frames that a socket receives. */
export interface FrameFilter {
  /** The EtherType that the socket is bound to. */
  readonly protocol: number;
  /** An array of `struct sock_filter`. */
  readonly program: ArrayBuffer;
  /** The most bytes of a frame that are delivered. */
  readonly snapLength: number;
}

/** A field of the frame, and the accepted values. */
interface Condition {
  readonly load: number;
  readonly at: number;
  readonly anyOf: readonly number[];
}

/** One instruction: opcode, operand, and how many instructions to skip if equal, and if not. */
type Instruction = readonly [code: number, operand: number, ifEqual?: number, ifNot?: number];

/**
 * Accepts untagged frames of these packet types only. On a port with VLANs, frames of other VLANs arrive with the tag removed, as packet
 * type OTHERHOST. Without this condition they would be answered into the untagged network.
 */
function ofThisNetwork(...packetTypes: readonly number[]): readonly Condition[] {
  return [
    { load: op.loadWord, at: ancillary.packetType, anyOf: packetTypes },
    { load: op.loadWord, at: ancillary.vlanTagPresent, anyOf: [0] },
  ];
}

/** ARP for this host or broadcast, without a VLAN tag. A packet has 42 bytes, the rest is padding. */
export const arpForThisHost: FrameFilter = filterOf({ protocol: etherType.arp, snapLength: 64 }, [
  { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.arp] },
  ...ofThisNetwork(packetType.host, packetType.broadcast),
]);

/**
 * Neighbor Solicitations and Advertisements for this host or a group, without a VLAN tag. All IPv6 frames of the link pass through this
 * program; the second condition rejects nearly all of them. The checksum needs the complete frame. A frame that is longer than Ethernet
 * allows is counted as malformed.
 */
export const ndpForThisHost: FrameFilter = filterOf({ protocol: etherType.ipv6, snapLength: 1514 }, [
  { load: op.loadHalf, at: ethernetOffset.etherType, anyOf: [etherType.ipv6] },
  { load: op.loadByte, at: ipv6Offset.nextHeader, anyOf: [icmpv6] },
  { load: op.loadByte, at: ndpOffset.type, anyOf: [ndpType.solicitation, ndpType.advertisement] },
  ...ofThisNetwork(packetType.host, packetType.multicast),
]);

/**
 * TCP for this host, to a port or a former port, without IP options. All frames of the link pass through this program, so the port is
 * compared first: it rejects nearly all of them.
 */
export function tcpToPort(port: number, family: Family, former = port): FrameFilter {
  const snapLength = 128;
  const anyOf = [...new Set([port, former])];
  const toPort = (at: number) => ({ load: op.loadHalf, at: at + tcpOffset.destinationPort, anyOf });
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

/** A program that accepts this many bytes of a frame if all conditions hold, and rejects the frame otherwise. */
function instructionsFor(conditions: readonly Condition[], snapLength: number): readonly Instruction[] {
  const length = conditions.reduce((sum, { anyOf }) => sum + 1 + anyOf.length, 0) + 2;
  const program: Instruction[] = [];
  for (const { load, at, anyOf } of conditions) {
    program.push([load, at]);
    for (const [i, value] of anyOf.entries()) {
      const after = anyOf.length - 1 - i;
      // If the last value does not match either, the program jumps to its last instruction, which rejects the frame.
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
