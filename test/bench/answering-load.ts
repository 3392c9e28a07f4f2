/** The load generator of the bench of answers. It requests one address on one link, in a flood or one at a time, and prints the result. */
import { readFileSync } from 'node:fs';
import type { Ip } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import type { Link } from '../../src/linux/links.ts';
import { openReceiveSocket, openSendSocket } from '../../src/linux/packet-socket.ts';
import { arpForThisHost, ndpForThisHost } from '../../src/linux/socket-filter.ts';
import { type FrameBatch, frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { ipv4Key } from '../../src/wire/arp.ts';
import { requestFor, solicitationFor } from '../net/frame-lab.ts';

/** The protocol of the requests. */
export type Protocol = 'ARP' | 'NDP';

/** What to measure: the replies during `ms` milliseconds of flood, or the latency of single requests, one at a time. */
export interface Load {
  readonly protocol: Protocol;
  readonly kind: 'flood' | 'latency';
  readonly link: string;
  readonly target: string;
  readonly ms: number;
  /** For a flood of ARP as in a busy network: requests go to this many addresses, from `target` on, ... */
  readonly targets?: number;
  /** ... and of ten requests, this many are for addresses of other hosts. */
  readonly foreignOfTen?: number;
}

/** The result. Latencies are in microseconds, and 0 in a flood. */
export interface Measured {
  readonly kind: Load['kind'];
  readonly sent: number;
  readonly replies: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A request without a reply after this time is counted as lost. */
const lostMs = 20;

const load: Load = JSON.parse(process.argv[2] ?? '{}');
const link = linkNamed(load.link);
const sender = openSendSocket(link);
const requests = filled(64);
// Many different batches, so that consecutive replies differ.
const mixed = load.foreignOfTen === undefined ? [requests] : Array.from({ length: 64 }, (_, i) => mixture(64, i));
process.stdout.write(`${JSON.stringify(load.kind === 'flood' ? flood() : oneAtATime())}\n`);

function linkNamed(wanted: string): Link {
  const found = readLinks().find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no link ${wanted}`);
  return found;
}

/** Makes a batch that repeats the same request. */
function filled(count: number): FrameBatch {
  const question = load.protocol === 'ARP' ? requestFor(load.target) : solicitationFor(load.target);
  const batch = frameBatch(count, question.length);
  for (const frame of batch.frames) frame.set(question);
  return batch;
}

/** Makes a batch of requests for many addresses, most of which no host here has. */
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
 * Sends as fast as possible. The link itself counts the replies, because a socket that receives them would use the CPU time
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

/** Sends a request, polls for the reply without sleeping, and sends the next request at once. */
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
