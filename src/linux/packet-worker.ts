/** The packet worker: one thread that answers ARP on all links of the node, and never returns to the event loop until told to. */
import { readSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { poll, pollFdWords, pollIn } from './libc.ts';
import { type AnsweringLink, closeLink, countQueueDrops, createAnswerer } from './link-answerer.ts';
import { type LinkName, openReceiveSocket } from './packet-socket.ts';
import { monotonicMs, viewMemory } from './responder-memory.ts';
import type { FromWorker, LinkFailure, LinkTable, ToWorker, WorkerStart } from './responder-messages.ts';

/**
 * The longest wait: the process can end only while this thread runs JavaScript, so it never waits in recv, and in
 * poll no longer than this.
 */
const longestWaitMs = 100;

/** How often the kernel's count of dropped frames is fetched. */
const statisticsMs = 1000;

const { memory: buffer, wakeFd } = workerData as WorkerStart;
const memory = viewMemory(buffer);
const answer = createAnswerer(memory.counts);
const wakeBytes = new Uint8Array(8);

let links: readonly AnsweringLink[] = [];
let pollFds = pollFdsOf(links);
let seenMessage = 0;
let statisticsDueMs = 0;
let closing = false;

tell({ kind: 'Ready' });
while (!closing) turn();
links.forEach(closeLink);

/** One wait and what came of it: one batch per link at most, so a flood on one delays neither the others nor a new table. */
function turn(): void {
  if (poll(pollFds, longestWaitMs) > 0) answerReady();
  beat();
  if (Atomics.load(memory.newest, 0) !== seenMessage) takeMessages();
}

/** Entry 0 is the eventfd, entry i + 1 is link i. */
function answerReady(): void {
  if (isReady(0)) readSync(wakeFd, wakeBytes);
  for (let i = 0; i < links.length; i++) {
    const link = links[i];
    if (link === undefined || !isReady(i + 1)) continue;
    const failure = answer(link);
    if (failure !== undefined) drop(link, failure);
  }
}

/** Any event counts, POLLERR too: the next receive says what it is. */
function isReady(entry: number): boolean {
  return (pollFds[entry * pollFdWords + 1] ?? 0) >>> 16 !== 0;
}

function beat(): void {
  const nowMs = monotonicMs();
  memory.beat[0] = nowMs;
  if (nowMs < statisticsDueMs) return;
  statisticsDueMs = nowMs + statisticsMs;
  for (const link of links) countQueueDrops(link, memory.counts);
}

/** A message is posted before its number is stored, so what the number promises is here. */
function takeMessages(): void {
  seenMessage = Atomics.load(memory.newest, 0);
  for (let next = nextMessage(); next !== undefined; next = nextMessage()) {
    if (next.kind === 'Close') {
      closing = true;
    } else {
      apply(next.links);
      tell({ kind: 'Applied', number: next.number });
    }
  }
}

function nextMessage(): ToWorker | undefined {
  return parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message;
}

/** Sockets of links that stay are kept, with what is queued in them. */
function apply(tables: readonly LinkTable[]): void {
  const old = new Map(links.map((link) => [keyOf(link), link]));
  use(tables.flatMap((table) => withTable(old.get(keyOf(table)), table) ?? []));
  const kept = new Set(links.map(({ fd }) => fd));
  for (const link of old.values()) if (!kept.has(link.fd)) closeLink(link);
}

function keyOf({ name, index }: LinkName): string {
  return `${index} ${name}`;
}

function withTable(open: AnsweringLink | undefined, table: LinkTable): AnsweringLink | undefined {
  const { name, index, mac } = table;
  try {
    return { name, index, mac, vips: new Set(table.vips), fd: open?.fd ?? openReceiveSocket(table) };
  } catch (error) {
    const { code = 'Unknown', message } = error as NodeJS.ErrnoException;
    tell({ kind: 'LinkFailed', failure: { link: name, code, message } });
    return undefined;
  }
}

/** The link stays silent until the next table: whether it may answer again is not this thread's decision. */
function drop(link: AnsweringLink, failure: LinkFailure): void {
  use(links.filter((other) => other !== link));
  closeLink(link);
  tell({ kind: 'LinkFailed', failure });
}

function use(next: readonly AnsweringLink[]): void {
  links = next;
  pollFds = pollFdsOf(next);
}

function pollFdsOf(open: readonly AnsweringLink[]): Int32Array {
  return Int32Array.from([wakeFd, ...open.map(({ fd }) => fd)].flatMap((fd) => [fd, pollIn]));
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}
