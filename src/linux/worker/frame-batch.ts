/** Memory to receive or send many frames with one system call: recvmmsg(2), sendmmsg(2). */
import { addressOf, receiveMessages, sendMessages } from '../libc.ts';

/** Sizes of `struct mmsghdr` and `struct iovec` on 64-bit Linux. */
const messageBytes = 64;
const vectorBytes = 16;

/** Offsets in a `struct mmsghdr`: the pointer to the vector, the number of vectors, and the received length. */
const offsetOf = { vector: 16, vectorCount: 24, length: 56 } as const;

/** The frames of one system call, in one block of memory that the kernel accesses by address. */
export interface FrameBatch {
  /** The frames, all of the same size. */
  readonly frames: readonly Uint8Array[];
  /** The bytes that the last {@link receive} stored in frame `i`. */
  lengthOf(i: number): number;
  /** Fills frames, beginning with the first. Returns how many, or -1 on failure (see `errnoName`). */
  receive(fd: number): number;
  /** Sends the first `count` frames, `frameBytes` of each. Returns how many were sent, or -1 on failure (see `errnoName`). */
  send(fd: number, count: number): number;
}

/** A batch of `count` frames of `frameBytes` bytes each. */
export function frameBatch(count: number, frameBytes: number): FrameBatch {
  const memory = new ArrayBuffer(count * (messageBytes + vectorBytes + frameBytes));
  const messages = new Uint8Array(memory, 0, count * messageBytes);
  const lengths = new Uint32Array(memory, 0, (count * messageBytes) / 4);
  const framesAt = count * (messageBytes + vectorBytes);
  const frames = Array.from({ length: count }, (_, i) => new Uint8Array(memory, framesAt + i * frameBytes, frameBytes));
  for (const [i, frame] of frames.entries()) linkMessage(i, frame, count);
  return {
    frames,
    lengthOf: (i) => lengths[(i * messageBytes + offsetOf.length) / 4] ?? 0,
    receive: (fd) => receiveMessages(fd, messages, count),
    send: (fd, sendCount) => sendMessages(fd, messages, sendCount),
  };
}

/** Makes message `i` point to its vector, and the vector to the frame. */
function linkMessage(i: number, frame: Uint8Array<ArrayBuffer>, count: number): void {
  const view = new DataView(frame.buffer);
  const base = addressOf(frame.buffer);
  const vectorAt = count * messageBytes + i * vectorBytes;
  view.setBigUint64(i * messageBytes + offsetOf.vector, base + BigInt(vectorAt), true);
  view.setBigUint64(i * messageBytes + offsetOf.vectorCount, 1n, true);
  view.setBigUint64(vectorAt, base + BigInt(frame.byteOffset), true);
  view.setBigUint64(vectorAt + 8, BigInt(frame.byteLength), true);
}
