/**
 * The client of the bench of many VIPs. It sends ARP requests for all VIPs in turn, and records every frame that shows where a VIP is.
 * It prints JSON lines twenty times a second: the recorded frames as `[milliseconds since 1970, index of the VIP, MAC, gratuitous?]`.
 */
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket, openSendSocket } from '../../src/linux/packet-socket.ts';
import { arpForThisHost } from '../../src/linux/socket-filter.ts';
import { frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { arpOperation, decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { broadcastMac } from '../../src/wire/ethernet.ts';

/** Which VIPs to request, and how often each one. */
export interface MassOrder {
  readonly link: string;
  readonly first: string;
  readonly count: number;
  /** The requester's own address. */
  readonly from: string;
  readonly roundMs: number;
}

/** A recorded frame: its time, its VIP, and the MAC in it. */
export type Heard = readonly [at: number, vip: number, mac: string, gratuitous: boolean];

const order: MassOrder = JSON.parse(process.argv[2] ?? '{}');
const turnMs = 10;
const mostAtOnce = 64;

setPriority(-10);
const found = readLinks().find(({ name }) => name === order.link);
if (found === undefined) throw new Error(`no link ${order.link}`);
const link = found;
const mac = readFileSync(`/sys/class/net/${link.name}/address`, 'utf8').trim();
const [sender, receiver] = [openSendSocket(link), openReceiveSocket(link, arpForThisHost)];
const first = ipToNumber(order.first as Ip);
const questions = Array.from({ length: order.count }, (_, i) => questionFor(ipFromNumber(first + BigInt(i), 'IPv4')));
const out = frameBatch(mostAtOnce, questions[0]?.length ?? 0);
const inbox = frameBatch(mostAtOnce, arpForThisHost.snapLength);
let next = 0;
let owed = 0;
let heard: Heard[] = [];

setInterval(() => {
  owed += (order.count * turnMs) / order.roundMs;
  while (owed >= 1) owed -= ask(Math.min(mostAtOnce, Math.floor(owed)));
  hear();
}, turnMs);
setInterval(() => {
  process.stdout.write(`${JSON.stringify(heard)}\n`);
  heard = [];
}, 50);
process.stdin.on('close', () => process.exit()).resume();
process.stdout.on('error', () => process.exit());

function questionFor(vip: Ip): Uint8Array {
  return encodeArp({
    ...{ destination: broadcastMac, source: mac, operation: arpOperation.request, senderMac: mac },
    ...{ senderIp: order.from as Ip, targetMac: '00:00:00:00:00:00', targetIp: vip },
  });
}

function ask(count: number): number {
  for (let i = 0; i < count; i++) {
    out.frames[i]?.set(questions[next] as Uint8Array);
    next = (next + 1) % questions.length;
  }
  out.send(sender, count);
  return count;
}

function hear(): void {
  const now = performance.timeOrigin + performance.now();
  for (let got = inbox.receive(receiver); got > 0; got = inbox.receive(receiver)) {
    for (let i = 0; i < got; i++) {
      const frame = decodeArp(inbox.frames[i] as Uint8Array, inbox.lengthOf(i));
      if (typeof frame === 'string') continue;
      const vip = Number(ipToNumber(frame.senderIp) - first);
      if (vip >= 0 && vip < order.count) heard.push([now, vip, frame.senderMac, frame.targetIp === frame.senderIp]);
    }
  }
}
