/** Answers the frames waiting in a socket: receive a batch, decide on each, send the replies as one batch. TableFragment of the packet worker. */
import { closeSync } from 'node:fs';
import { type ArpLink, respondToArp } from '../../neighbor/arp-responder.ts';
import type { Exchange, FrameOutcome } from '../../neighbor/frame-outcomes.ts';
import { type NdpLink, respondToNdp } from '../../neighbor/ndp-responder.ts';
import { arpFrameLength, senderIpOf, senderMacOf } from '../../wire/arp.ts';
import { macLength } from '../../wire/ethernet.ts';
import { claimedIpOf, claimedMacOf, ndpFrameLength } from '../../wire/ndp.ts';
import { errnoName } from '../libc.ts';
import { openReceiveSocket, readQueueDrops } from '../packet-socket.ts';
import { arpForThisHost, ndpForThisHost } from '../socket-filter.ts';
import { frameBatch } from './frame-batch.ts';
import { type CounterName, counterNames, monotonicMs } from './responder-memory.ts';
import type { HeardClaim, LinkFailure, LinkTable } from './responder-messages.ts';

/** The socket of a link. */
interface OpenSocket {
  readonly name: string;
  readonly index: number;
  readonly fd: number;
}

/** A socket and what is answered on it: ARP for IPv4, Neighbor Discovery for IPv6. */
export type AnsweringSocket = OpenSocket &
  ((ArpLink & { readonly family: 'IPv4' }) | (NdpLink & { readonly family: 'IPv6' }));

/** Frames per system call: from 16 to 256 the bench found no difference in CPU time per reply. */
const batchSize = 32;

/** More than the buffer of a socket holds; a flood has no end. */
const drainBatches = 128;

/** Claims of other hosts that are passed on in a second at most. */
const heardPerSecond = 500;

/** Where each name is in the shared counters. */
const positionOf = Object.fromEntries(counterNames.map((name, i) => [name, i])) as Record<CounterName, number>;

/** The socket for a table; `fd` is the one that is open for the same link and family. Throws as `openReceiveSocket`. */
export function openAnswering(table: LinkTable, fd?: number): AnsweringSocket {
  const { name, index, mac, family, vips, macs } = table;
  return family === 'IPv4'
    ? { name, index, mac, family, vips: withMacs(vips, macs), fd: fd ?? openReceiveSocket(table, arpForThisHost) }
    : { name, index, mac, family, vips, macs, fd: fd ?? openReceiveSocket(table, ndpForThisHost) };
}

function withMacs(vips: Int32Array, macs: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const entries = Array.from(vips, (vip, i) => [vip, macs.subarray(i * macLength, (i + 1) * macLength)] as const);
  return new Map(entries);
}

/** Closes it. */
export function closeSocket({ fd }: AnsweringSocket): void {
  closeSync(fd);
}

/** Adds the frames that the kernel dropped before we saw them. */
export function countQueueDrops({ fd }: AnsweringSocket, counts: Float64Array): void {
  count(counts, 'QueueFull', readQueueDrops(fd));
}

/** What an answerer works with. */
export interface AnswererOptions {
  readonly counts: Float64Array;
  readonly onHeard: (claim: HeardClaim) => void;
  /** Has this thread stood still since it looked at its orders last? Asked right before answers go out. */
  readonly isLate: () => boolean;
}

/** A function that answers at most one batch of frames of a socket, and returns a failure if the socket is of no more use. */
export function createAnswerer(options: AnswererOptions): (socket: AnsweringSocket) => LinkFailure | undefined {
  const { onHeard } = options;
  const hearArp = listener(onHeard, (frame) => ({ address: senderIpOf(frame), mac: senderMacOf(frame) }));
  const hearNdp = listener(onHeard, (frame) => ({ address: claimedIpOf(frame), mac: claimedMacOf(frame) }));
  const toArp = listening(respondToArp, hearArp);
  const toNdp = listening(respondToNdp, hearNdp);
  const arp = answererFor(toArp, { snapLength: arpForThisHost.snapLength, replyLength: arpFrameLength });
  const ndp = answererFor(toNdp, { snapLength: ndpForThisHost.snapLength, replyLength: ndpFrameLength });
  return (socket) => (socket.family === 'IPv4' ? arp(socket, options) : ndp(socket, options));
}

/** A function that throws away all that waits in a socket, and returns a failure if the socket is of no more use. */
export function createDiscarder(counts: Float64Array): (socket: AnsweringSocket) => LinkFailure | undefined {
  const unread = frameBatch(batchSize, 1);
  return (socket) => {
    for (let batches = 0; batches < drainBatches; batches++) {
      const received = unread.receive(socket.fd);
      if (received < 0) return failureOf(socket, errnoName());
      count(counts, 'Stalled', received);
      if (received < batchSize) break;
    }
    return undefined;
  };
}

/** The responder, and what other hosts say of addresses is heard. */
function listening<Link>(
  respond: (link: Link, exchange: Exchange) => FrameOutcome,
  hear: (frame: Uint8Array) => void,
): (link: Link, exchange: Exchange) => FrameOutcome {
  return (link, exchange) => {
    const verdict = respond(link, exchange);
    if (verdict === 'NotRequest' || verdict === 'ForeignClaim') hear(exchange.request);
    return verdict;
  };
}

/** Passes on what other hosts say of addresses, for the main thread to judge, but no flood of it. */
function listener(
  onHeard: (claim: HeardClaim) => void,
  claimOf: (frame: Uint8Array) => HeardClaim,
): (frame: Uint8Array) => void {
  let windowStart = 0;
  let heard = 0;
  return (frame) => {
    const now = monotonicMs();
    if (now - windowStart >= 1000) {
      windowStart = now;
      heard = 0;
    }
    if (heard++ < heardPerSecond) onHeard(claimOf(frame));
  };
}

/** The same for one protocol, whose replies all have one length. */
function answererFor<Link>(
  respond: (link: Link, exchange: Exchange) => FrameOutcome,
  { snapLength, replyLength }: { readonly snapLength: number; readonly replyLength: number },
): (socket: Link & OpenSocket, options: AnswererOptions) => LinkFailure | undefined {
  const requests = frameBatch(batchSize, snapLength);
  const replies = frameBatch(batchSize, replyLength);
  const exchange: Exchange = { request: new Uint8Array(0), reply: new Uint8Array(0), length: 0 };

  function decide(link: Link, received: number, counts: Float64Array): number {
    let answered = 0;
    for (let i = 0; i < received; i++) {
      exchange.request = requests.frames[i] ?? exchange.request;
      exchange.length = requests.lengthOf(i);
      exchange.reply = replies.frames[answered] ?? exchange.reply;
      const verdict = respond(link, exchange);
      if (verdict === 'Answered') answered++;
      else count(counts, verdict, 1);
    }
    return answered;
  }

  return (socket, { counts, isLate }) => {
    const received = requests.receive(socket.fd);
    if (received < 0) return failureOf(socket, errnoName());
    const answered = decide(socket, received, counts);
    if (answered === 0) return undefined;
    if (isLate()) return void count(counts, 'Stalled', answered);
    const sent = replies.send(socket.fd, answered);
    count(counts, 'Answered', Math.max(0, sent));
    count(counts, 'NotSent', answered - Math.max(0, sent));
    return sent < 0 ? failureOf(socket, errnoName()) : undefined;
  };
}

/** Nothing to read, a full send queue and an interrupted call pass by themselves; anything else ends the link. */
function failureOf({ name }: OpenSocket, code: string): LinkFailure | undefined {
  if (code === 'EAGAIN' || code === 'ENOBUFS' || code === 'EINTR') return undefined;
  return { link: name, code, message: `packet socket on ${name}: ${code}` };
}

function count(counts: Float64Array, name: CounterName, frames: number): void {
  const position = positionOf[name];
  counts[position] = (counts[position] ?? 0) + frames;
}
