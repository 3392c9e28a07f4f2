/**
 * Answers the frames of a socket: receives a batch, decides about each frame, and sends the replies as one batch. Part of the packet
 * worker.
 */
import { closeSync } from 'node:fs';
import { type ArpLink, respondToArp } from '../../neighbor/arp-responder.ts';
import type { Exchange, FrameOutcome } from '../../neighbor/frame-outcomes.ts';
import { type NdpLink, respondToNdp } from '../../neighbor/ndp-responder.ts';
import { arpFrameLength, senderIpOf, senderMacOf } from '../../wire/arp.ts';
import { ethernetOffset, isMacAt, macLength } from '../../wire/ethernet.ts';
import { claimedIpOf, claimedMacOf, ndpFrameLength } from '../../wire/ndp.ts';
import { errnoName } from '../libc.ts';
import { openReceiveSocket, readQueueDrops } from '../packet-socket.ts';
import { arpForThisHost, ndpForThisHost } from '../socket-filter.ts';
import { ClaimBudget } from './claim-budget.ts';
import { frameBatch } from './frame-batch.ts';
import { type CounterName, counterNames, monotonicMs } from './responder-memory.ts';
import type { HeardClaim, LinkFailure, LinkTable } from './responder-messages.ts';

/** The socket of a link. */
interface OpenSocket {
  readonly name: string;
  readonly index: number;
  /** The six bytes of the link's hardware address. */
  readonly mac: Uint8Array;
  readonly fd: number;
  /** What it may report of other hosts. */
  readonly budget: ClaimBudget;
}

/** A socket, with the VIPs that are answered on it: ARP for IPv4, Neighbor Discovery for IPv6. */
export type AnsweringSocket = OpenSocket &
  ((ArpLink & { readonly family: 'IPv4' }) | (NdpLink & { readonly family: 'IPv6' }));

/** Frames per system call. The bench measured no difference in CPU time per reply from 16 to 256. */
const batchSize = 32;

/** More than the buffer of a socket holds. The limit ends the loop during a flood. */
const drainBatches = 128;

/** The position of each counter in the shared memory. */
const positionOf = Object.fromEntries(counterNames.map((name, i) => [name, i])) as Record<CounterName, number>;

/** Opens the socket for a table. `open` is the open socket of the same link and family, if there is one. Throws like `openReceiveSocket`. */
export function openAnswering(table: LinkTable, open?: AnsweringSocket): AnsweringSocket {
  const { name, index, mac, family, vips, macs } = table;
  const filter = family === 'IPv4' ? arpForThisHost : ndpForThisHost;
  const socket = { name, index, mac, fd: open?.fd ?? openReceiveSocket(table, filter) };
  const budget = open?.budget ?? new ClaimBudget();
  return family === 'IPv4'
    ? { ...socket, budget, family, vips: withMacs(vips, macs) }
    : { ...socket, budget, family, vips, macs };
}

function withMacs(vips: Int32Array, macs: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const entries = Array.from(vips, (vip, i) => [vip, macs.subarray(i * macLength, (i + 1) * macLength)] as const);
  return new Map(entries);
}

/** Closes a socket. */
export function closeSocket({ fd }: AnsweringSocket): void {
  closeSync(fd);
}

/** Counts the frames that the kernel dropped before they could be received. */
export function countQueueDrops({ fd }: AnsweringSocket, counts: Float64Array): void {
  count(counts, 'QueueFull', readQueueDrops(fd));
}

/** What an answerer needs. */
interface AnswererOptions {
  readonly counts: Float64Array;
  readonly onHeard: (claim: HeardClaim) => void;
  /** Was this thread paused since it last woke up? Checked directly before answers are sent. */
  readonly isLate: () => boolean;
}

/** Creates a function that answers at most one batch of frames of a socket. It returns a failure if the socket can no longer be used. */
export function createAnswerer(options: AnswererOptions): (socket: AnsweringSocket) => LinkFailure | undefined {
  const { onHeard } = options;
  const reportArp = claimReporter(onHeard, (frame) => ({ address: senderIpOf(frame), mac: senderMacOf(frame) }));
  const reportNdp = claimReporter(onHeard, (frame) => ({ address: claimedIpOf(frame), mac: claimedMacOf(frame) }));
  const toArp = withReports<ArpLink & OpenSocket>(respondToArp, reportArp);
  const toNdp = withReports<NdpLink & OpenSocket>(respondToNdp, reportNdp);
  const arp = answererFor(toArp, { snapLength: arpForThisHost.snapLength, replyLength: arpFrameLength });
  const ndp = answererFor(toNdp, { snapLength: ndpForThisHost.snapLength, replyLength: ndpFrameLength });
  return (socket) => (socket.family === 'IPv4' ? arp(socket, options) : ndp(socket, options));
}

/** Creates a function that discards all queued frames of a socket. It returns a failure if the socket can no longer be used. */
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

/** A responder that also reports the claims of other hosts. */
function withReports<Link>(
  respond: (link: Link, exchange: Exchange) => FrameOutcome,
  report: (link: Link, frame: Uint8Array) => void,
): (link: Link, exchange: Exchange) => FrameOutcome {
  return (link, exchange) => {
    const outcome = respond(link, exchange);
    if (outcome === 'NotRequest' || outcome === 'ForeignClaim') report(link, exchange.request);
    return outcome;
  };
}

/** Reports the claims of other hosts to the main thread, which decides about them, within the budget of each link. */
function claimReporter(
  onHeard: (claim: HeardClaim) => void,
  claimOf: (frame: Uint8Array) => Omit<HeardClaim, 'link'>,
): (socket: OpenSocket, frame: Uint8Array) => void {
  return ({ name, mac, budget }, frame) => {
    const claim = claimOf(frame);
    const isAnswer = isMacAt(frame, ethernetOffset.destination, mac);
    if (budget.allows({ ...claim, isAnswer }, monotonicMs())) onHeard({ ...claim, link: name });
  };
}

/** An answerer for one protocol. All replies of a protocol have the same length. */
function answererFor<Link extends OpenSocket>(
  respond: (link: Link, exchange: Exchange) => FrameOutcome,
  { snapLength, replyLength }: { readonly snapLength: number; readonly replyLength: number },
): (socket: Link, options: AnswererOptions) => LinkFailure | undefined {
  const requests = frameBatch(batchSize, snapLength);
  const replies = frameBatch(batchSize, replyLength);
  const exchange: Exchange = { request: new Uint8Array(0), reply: new Uint8Array(0), length: 0 };

  function decide(link: Link, received: number, counts: Float64Array): number {
    let answered = 0;
    for (let i = 0; i < received; i++) {
      exchange.request = requests.frames[i] ?? exchange.request;
      exchange.length = requests.lengthOf(i);
      exchange.reply = replies.frames[answered] ?? exchange.reply;
      const outcome = respond(link, exchange);
      if (outcome === 'Answered') answered++;
      else count(counts, outcome, 1);
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

/** The failure for an errno. Nothing to read, a full send queue and an interrupted call are temporary, and no failure. */
function failureOf({ name }: OpenSocket, code: string): LinkFailure | undefined {
  if (code === 'EAGAIN' || code === 'ENOBUFS' || code === 'EINTR') return undefined;
  return { link: name, code, message: `packet socket on ${name}: ${code}` };
}

function count(counts: Float64Array, name: CounterName, frames: number): void {
  const position = positionOf[name];
  counts[position] = (counts[position] ?? 0) + frames;
}
