/** Memory for receiving and sending many frames with one system call each: recvmmsg(2), sendmmsg(2). */
import { addressOf, receiveMessages, sendMessages } from '../libc.ts';

/** Sizes of `struct mmsghdr` and `struct iovec` on 64-bit Linux. */
const messageBytes = 64;
const vectorBytes = 16;

/** Where in a `struct mmsghdr` the pointer to the vector, the number of vectors and the received length are. */
const offsetOf = { vector: 16, vectorCount: 24, length: 56 } as const;

/** As many frames as one system call moves, all in one block of memory that the kernel knows by address. */
export interface FrameBatch {
  /** The frames, each of the slot's size. */
  readonly frames: readonly Uint8Array[];
  /** Bytes received in frame `i` by the last {@link receive}. */
  lengthOf(i: number): number;
  /** Fills the frames from the first on; how many, or -1 (`errnoName` says why). */
  receive(fd: number): number;
  /** Sends the first `count` frames, `frameBytes` of each; how many were taken, or -1 (`errnoName` says why). */
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

/** Makes message `i` point to its vector, and that to the frame. */
function linkMessage(i: number, frame: Uint8Array<ArrayBuffer>, count: number): void {
  const view = new DataView(frame.buffer);
  const base = addressOf(frame.buffer);
  const vectorAt = count * messageBytes + i * vectorBytes;
  view.setBigUint64(i * messageBytes + offsetOf.vector, base + BigInt(vectorAt), true);
  view.setBigUint64(i * messageBytes + offsetOf.vectorCount, 1n, true);
  view.setBigUint64(vectorAt, base + BigInt(frame.byteOffset), true);
  view.setBigUint64(vectorAt + 8, BigInt(frame.byteLength), true);
}
