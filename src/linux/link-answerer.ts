/** Answers the frames waiting on one link: receive a batch, decide on each, send the replies as one batch. Part of the packet worker. */
import { closeSync } from 'node:fs';
import { type AnsweredLink, type Exchange, respond } from '../announce/responder.ts';
import { arpFrameLength } from '../wire/arp.ts';
import { frameBatch } from './frame-batch.ts';
import { errnoName } from './libc.ts';
import { readQueueDrops } from './packet-socket.ts';
import { type CounterName, counterNames } from './responder-memory.ts';
import type { LinkFailure } from './responder-messages.ts';
import { snapLength } from './socket-filter.ts';

/** A link with its socket. */
export interface AnsweringLink extends AnsweredLink {
  readonly name: string;
  readonly index: number;
  readonly fd: number;
}

/** Frames per system call: from 16 to 256 the bench found no difference in CPU time per reply. */
const batchSize = 32;

/** Where each name is in the shared counters. */
const positionOf = Object.fromEntries(counterNames.map((name, i) => [name, i])) as Record<CounterName, number>;

/** Closes the socket of a link. */
export function closeLink({ fd }: AnsweringLink): void {
  closeSync(fd);
}

/** Adds the frames that the kernel dropped before we saw them. */
export function countQueueDrops({ fd }: AnsweringLink, counts: Float64Array): void {
  count(counts, 'QueueFull', readQueueDrops(fd));
}

/** A function that answers at most one batch of frames of a link, and returns a failure if its socket is of no more use. */
export function createAnswerer(counts: Float64Array): (link: AnsweringLink) => LinkFailure | undefined {
  const requests = frameBatch(batchSize, snapLength);
  const replies = frameBatch(batchSize, arpFrameLength);
  const exchange: Exchange = { request: new Uint8Array(0), reply: new Uint8Array(0), length: 0 };

  function decide(link: AnsweringLink, received: number): number {
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

  return (link) => {
    const received = requests.receive(link.fd);
    if (received < 0) return failureOf(link, errnoName());
    const answered = decide(link, received);
    if (answered === 0) return undefined;
    const sent = replies.send(link.fd, answered);
    count(counts, 'Answered', Math.max(0, sent));
    count(counts, 'NotSent', answered - Math.max(0, sent));
    return sent < 0 ? failureOf(link, errnoName()) : undefined;
  };
}

/** Nothing to read, a full send queue and an interrupted call pass by themselves; anything else ends the link. */
function failureOf({ name }: AnsweringLink, code: string): LinkFailure | undefined {
  if (code === 'EAGAIN' || code === 'ENOBUFS' || code === 'EINTR') return undefined;
  return { link: name, code, message: `packet socket on ${name}: ${code}` };
}

function count(counts: Float64Array, name: CounterName, frames: number): void {
  const position = positionOf[name];
  counts[position] = (counts[position] ?? 0) + frames;
}
