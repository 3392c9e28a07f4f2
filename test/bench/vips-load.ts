/** Sends datagrams for many VIPs over a pair of links to the node, as fast as possible, and prints the time per datagram. */
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openSendSocket } from '../../src/linux/packet-socket.ts';
import { frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { clientMac, linkName, nodeMac } from '../net/namespaces.ts';
import { summaryOf } from './medians.ts';
import { firstVip, vipPort } from './vips-path.ts';

/** What to send. */
export interface Load {
  /** The number of VIPs, from the first one on. The datagrams go to them in an order that does not favor a cache. */
  readonly vips: number;
  readonly frames: number;
}

/** The results. */
export interface Measured {
  /** The lower quartile over the slices of the load. On a machine that is not always busy, a quarter of the slices is undisturbed. */
  readonly nsPerFrame: number;
  readonly sent: number;
}

const frameBytes = 60;
/** There are this many different frames, each from another port of the client. */
const [batches, framesEach] = [256, 64];
const slices = 25;

const load: Load = JSON.parse(process.argv[2] ?? '{}');
const link = readLinks().find(({ name }) => name === linkName);
if (link === undefined) throw new Error(`no link ${linkName}`);
const socket = openSendSocket(link);
const all = Array.from({ length: batches }, (_, number) => {
  const batch = frameBatch(framesEach, frameBytes);
  for (const [i, frame] of batch.frames.entries()) frame.set(datagram(number * framesEach + i));
  return batch;
});
send(load.frames / 10);
const costs: number[] = [];
let sent = 0;
for (let i = 0; i < slices; i++) {
  const began = process.hrtime.bigint();
  const count = send(load.frames / slices);
  costs.push(Number(process.hrtime.bigint() - began) / count);
  sent += count;
}
process.stdout.write(JSON.stringify({ nsPerFrame: summaryOf(costs).low, sent } satisfies Measured));

function send(frames: number): number {
  let count = 0;
  for (let i = 0; count < frames; i++) count += Math.max(0, all[i % batches]?.send(socket, framesEach) ?? 0);
  return count;
}

/** Ethernet, IPv4 (RFC 791) and UDP (RFC 768) without a checksum, which IPv4 allows. */
function datagram(number: number): Uint8Array {
  const frame = new Uint8Array(frameBytes);
  const view = new DataView(frame.buffer);
  frame.set([...bytesOf(nodeMac), ...bytesOf(clientMac), 0x08, 0x00]);
  const to = ipFromNumber(ipToNumber(firstVip) + BigInt((number * 7_919) % load.vips), 'IPv4');
  view.setUint16(14, 0x4500);
  view.setUint16(16, frameBytes - 14);
  view.setUint16(22, (64 << 8) | 17);
  view.setUint32(26, Number(ipToNumber('10.99.0.1' as Ip)));
  view.setUint32(30, Number(ipToNumber(to)));
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at);
  view.setUint16(24, ~((sum & 0xffff) + (sum >>> 16)));
  view.setUint16(34, 10_000 + number);
  view.setUint16(36, vipPort);
  view.setUint16(38, frameBytes - 34);
  return frame;
}

function bytesOf(mac: string): readonly number[] {
  return mac.split(':').map((byte) => Number.parseInt(byte, 16));
}
