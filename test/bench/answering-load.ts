/** Load generator of the bench of answers: asks for one address on one link, flat out or one at a time, and prints what came back. */
import { readFileSync } from 'node:fs';
import type { Ip } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import type { Link } from '../../src/linux/links.ts';
import { openReceiveSocket, openSendSocket } from '../../src/linux/packet-socket.ts';
import { arpForThisHost, ndpForThisHost } from '../../src/linux/socket-filter.ts';
import { type FrameBatch, frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { ipv4Key } from '../../src/wire/arp.ts';
import { requestFor, solicitationFor } from '../net/frame-lab.ts';

/** By what is asked. */
export type Protocol = 'ARP' | 'NDP';

/** What is measured: replies in `ms` milliseconds of flood, or the time of each of the questions asked one at a time. */
export interface Load {
  readonly protocol: Protocol;
  readonly kind: 'flood' | 'latency';
  readonly link: string;
  readonly target: string;
  readonly ms: number;
  /** A flood of ARP that a busy network has: of so many addresses, from `target` on, any is asked for, ... */
  readonly targets?: number;
  /** ... and of ten questions so many are for addresses of others. */
  readonly foreignOfTen?: number;
}

/** What came back; latencies in microseconds, 0 in a flood. */
export interface Measured {
  readonly kind: Load['kind'];
  readonly sent: number;
  readonly replies: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A question without an answer for so long is lost. */
const lostMs = 20;

const load: Load = JSON.parse(process.argv[2] ?? '{}');
const link = linkNamed(load.link);
const sender = openSendSocket(link);
const requests = filled(64);
/** Many batches, so that no answer is like the one before. */
const mixed = load.foreignOfTen === undefined ? [requests] : Array.from({ length: 64 }, (_, i) => mixture(64, i));
process.stdout.write(`${JSON.stringify(load.kind === 'flood' ? flood() : oneAtATime())}\n`);

function linkNamed(wanted: string): Link {
  const found = readLinks().find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no link ${wanted}`);
  return found;
}

/** A batch of the same question. */
function filled(count: number): FrameBatch {
  const question = load.protocol === 'ARP' ? requestFor(load.target) : solicitationFor(load.target);
  const batch = frameBatch(count, question.length);
  for (const frame of batch.frames) frame.set(question);
  return batch;
}

/** A batch of questions for many addresses, most of which nobody here has. */
function mixture(count: number, number: number): FrameBatch {
  const { target, targets = 1, foreignOfTen = 0 } = load;
  const batch = filled(count);
  const first = ipv4Key(target as Ip);
  batch.frames.forEach((frame, i) => {
    const n = number * count + i;
    const isForeign = n % 10 < foreignOfTen;
    frame.set(requestFor(ipv4Text(isForeign ? first + 100_000 + n : first + ((n * 157) % targets))));
  });
  return batch;
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/**
 * Sends as fast as it goes. Replies are counted by the link itself, for a socket that receives them would take the time
 * that is measured.
 */
function flood(): Measured {
  sendFor(load.ms / 5);
  const [fromMs, repliesBefore] = [performance.now(), framesReceived()];
  const sent = sendFor(load.ms);
  const seconds = (performance.now() - fromMs) / 1000;
  return { kind: 'flood', sent, replies: framesReceived() - repliesBefore, seconds, p50Us: 0, p99Us: 0 };
}

function sendFor(ms: number): number {
  let sent = 0;
  let batches = 0;
  for (const untilMs = performance.now() + ms; performance.now() < untilMs; ) {
    const batch = mixed[batches++ % mixed.length] ?? requests;
    sent += Math.max(0, batch.send(sender, batch.frames.length));
  }
  return sent;
}

function framesReceived(): number {
  return Number(readFileSync(`/sys/class/net/${load.link}/statistics/rx_packets`, 'utf8'));
}

/** Asks, looks for the answer without sleeping, asks again at once. */
function oneAtATime(): Measured {
  const filter = load.protocol === 'ARP' ? arpForThisHost : ndpForThisHost;
  const receiver = openReceiveSocket(link, filter);
  const replies = frameBatch(64, filter.snapLength);
  const latenciesUs: number[] = [];
  let sent = 0;
  const untilMs = performance.now() + load.ms;
  while (performance.now() < untilMs) {
    const askedMs = performance.now();
    requests.send(sender, 1);
    sent += 1;
    let answeredMs = askedMs;
    let got = 0;
    while (got <= 0 && answeredMs - askedMs < lostMs) {
      got = replies.receive(receiver);
      answeredMs = performance.now();
    }
    if (got > 0) latenciesUs.push((answeredMs - askedMs) * 1000);
  }
  latenciesUs.sort((a, b) => a - b);
  const quantile = (q: number) => latenciesUs[Math.floor(latenciesUs.length * q)] ?? Number.NaN;
  const seconds = load.ms / 1000;
  return { kind: 'latency', sent, replies: latenciesUs.length, seconds, p50Us: quantile(0.5), p99Us: quantile(0.99) };
}
