/**
 * Computes the slot that the kernel finds for a client, without the kernel: `jhash` of
 * <linux/jhash.h> as nft(8) uses it.
 */
import { type Ip, ipToNumber } from '../../src/addr/ip.ts';
import { slotCount } from '../../src/dataplane/plan/slots.ts';

const seed = 0x1efc;

/** The slot of a client's address alone, or of its address and port. */
export function slotOf(client: Ip, port?: number): number {
  const length = client.includes(':') ? 16 : 4;
  const address = Buffer.from(
    ipToNumber(client)
      .toString(16)
      .padStart(2 * length, '0'),
    'hex',
  );
  // Each part of a key begins at a multiple of four bytes.
  const key = port === undefined ? address : Buffer.concat([address, Buffer.from([port >> 8, port & 0xff, 0, 0])]);
  // reciprocal_scale() of <linux/kernel.h>.
  return Math.floor((jhash(key) * slotCount) / 2 ** 32);
}

const rotate = (word: number, by: number) => (word << by) | (word >>> (32 - by));

function jhash(key: Buffer): number {
  const rest = Buffer.concat([key, Buffer.alloc((12 - (key.length % 12)) % 12)]);
  const words = (at: number) => [0, 4, 8].map((offset) => rest.readInt32LE(at + offset)) as [number, number, number];
  let [a, b, c] = Array<number>(3).fill((0xdeadbeef + key.length + seed) | 0) as [number, number, number];
  for (let at = 0; at < rest.length; at += 12) {
    const [x, y, z] = words(at);
    [a, b, c] = [(a + x) | 0, (b + y) | 0, (c + z) | 0];
    [a, b, c] = at + 12 < rest.length ? mix(a, b, c) : final(a, b, c);
  }
  return c >>> 0;
}

function mix(a: number, b: number, c: number): [number, number, number] {
  for (const by of [4, 6, 8, 16, 19, 4]) {
    a = ((a - c) | 0) ^ rotate(c, by);
    c = (c + b) | 0;
    // The three words rotate: b becomes the next a, and so on.
    [a, b, c] = [b, c, a];
  }
  return [a, b, c];
}

function final(a: number, b: number, c: number): [number, number, number] {
  for (const by of [14, 11, 25, 16, 4, 14, 24]) {
    c = ((c ^ b) - rotate(b, by)) | 0;
    [a, b, c] = [b, c, a];
  }
  // Seven steps have rotated them once too often.
  return [c, a, b];
}
