/** The classic BPF program of our packet sockets: which frames the kernel hands to us at all. */

/** Opcodes of <linux/bpf_common.h>: load a half-word or word at an offset, jump if equal, return. */
const op = { loadHalf: 0x28, loadWord: 0x20, jumpIfEqual: 0x15, return: 0x06 } as const;

/** Ancillary fields, read at "offsets" below zero (<linux/filter.h>, SKF_AD_OFF = -0x1000). */
const ancillary = { packetType: -0x1000 + 4, vlanTagPresent: -0x1000 + 48 } as const;

/** Packet types of packet(7). */
const packetHost = 0;
const packetBroadcast = 1;

/** Bytes of a frame that are handed over: an ARP packet is 42, the rest is padding. */
export const snapLength = 64;

/** One instruction: opcode, operand, and how many instructions to skip if equal, or not. */
type Instruction = readonly [code: number, operand: number, ifEqual?: number, ifNot?: number];

const instructions: readonly Instruction[] = [
  [op.loadHalf, 12],
  [op.jumpIfEqual, 0x0806, 0, 5],
  // A port with VLANs hands us frames of other VLANs with the tag stripped, as packet type OTHERHOST:
  // we would answer them into the untagged network.
  [op.loadWord, ancillary.packetType],
  [op.jumpIfEqual, packetHost, 1, 0],
  [op.jumpIfEqual, packetBroadcast, 0, 2],
  [op.loadWord, ancillary.vlanTagPresent],
  [op.jumpIfEqual, 0, 1, 0],
  [op.return, 0],
  [op.return, snapLength],
];

/** ARP for this host or for all, without a VLAN tag: an array of `struct sock_filter`. */
export const arpForThisHost: ArrayBuffer = encodeProgram(instructions);

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
