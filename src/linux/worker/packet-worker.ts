/** The packet worker: one thread that answers ARP and Neighbor Solicitations on all links of the node, and never returns to the event loop until told to. */
import { readSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { poll, pollFdWords, pollIn } from '../libc.ts';
import {
  type AnsweringSocket,
  closeSocket,
  countQueueDrops,
  createAnswerer,
  createDiscarder,
  openAnswering,
} from './link-answerer.ts';
import { monotonicMs, viewMemory } from './responder-memory.ts';
import type { FromWorker, HeardClaim, LinkFailure, LinkTable, ToWorker, WorkerStart } from './responder-messages.ts';

/**
 * The longest wait: the process can end only while this thread runs JavaScript, so it never waits in recv, and in
 * poll no longer than this.
 */
const longestWaitMs = 100;

/**
 * A thread that comes back to its sockets so late was stopped, and others may hold what its tables say: they count a node dead that is
 * silent for 400 ms. Its longest wait is in this time, as the beat is in the keeper's.
 */
const lateMs = 300;

/** How often the kernel's count of dropped frames is fetched. */
const statisticsMs = 1000;

const { memory: buffer, wakeFd } = workerData as WorkerStart;
const memory = viewMemory(buffer);
const isLate = () => performance.now() - wokeAtMs > lateMs;
const onHeard = (claim: HeardClaim) => tell({ kind: 'Heard', ...claim });
const answer = createAnswerer({ counts: memory.counts, onHeard, isLate });
const discard = createDiscarder(memory.counts);
const wakeBytes = new Uint8Array(8);

let sockets: readonly AnsweringSocket[] = [];
let pollFds = pollFdsOf(sockets);
let seenMessage = 0;
let statisticsDueMs = 0;
let closing = false;
let wokeAtMs = performance.now();
let stalls = 0;
/** Nothing is answered until the main thread has said what the node holds after a stall. */
let isMute = false;

tell({ kind: 'Ready' });
while (!closing) turn();
sockets.forEach(closeSocket);

/** One wait and what came of it: one batch per socket at most, so a flood on one delays neither the others nor a new table. */
function turn(): void {
  const ready = poll(pollFds, longestWaitMs);
  noticeStall();
  if (ready > 0) answerReady();
  beat();
  if (Atomics.load(memory.newest, 0) !== seenMessage) takeMessages();
}

/**
 * Nothing is answered, neither what waited meanwhile nor what comes, until the main thread knows of the stall: it may have been stopped
 * too, and what it said before says nothing of now.
 */
function noticeStall(): void {
  const nowMs = performance.now();
  const ms = nowMs - wokeAtMs;
  wokeAtMs = nowMs;
  if (ms <= lateMs) return;
  stalls += 1;
  isMute = true;
  tell({ kind: 'Stalled', number: stalls, ms });
}

/** Entry 0 is the eventfd, entry i + 1 is socket i. After a drop the entries are new, and none is ready. */
function answerReady(): void {
  if (isReady(0)) readSync(wakeFd, wakeBytes);
  for (let i = 0; i < sockets.length; i++) {
    const socket = sockets[i];
    if (socket === undefined || !isReady(i + 1)) continue;
    const failure = isMute ? discard(socket) : answer(socket);
    if (failure !== undefined) drop(socket, failure);
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
  for (const socket of sockets) countQueueDrops(socket, memory.counts);
}

/** A message is posted before its number is stored, so what the number promises is here. */
function takeMessages(): void {
  seenMessage = Atomics.load(memory.newest, 0);
  for (let next = nextMessage(); next !== undefined; next = nextMessage()) {
    if (next.kind === 'Close') {
      closing = true;
    } else {
      apply(next.links);
      isMute = next.stalls < stalls;
      tell({ kind: 'Applied', number: next.number });
    }
  }
}

function nextMessage(): ToWorker | undefined {
  return parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message;
}

/** Sockets of links that stay are kept, with what is queued in them. */
function apply(tables: readonly LinkTable[]): void {
  const old = new Map(sockets.map((socket) => [keyOf(socket), socket]));
  use(tables.flatMap((table) => withTable(old.get(keyOf(table)), table) ?? []));
  const kept = new Set(sockets.map(({ fd }) => fd));
  for (const socket of old.values()) if (!kept.has(socket.fd)) closeSocket(socket);
}

function keyOf({ name, index, family }: Pick<LinkTable, 'name' | 'index' | 'family'>): string {
  return `${index} ${family} ${name}`;
}

function withTable(open: AnsweringSocket | undefined, table: LinkTable): AnsweringSocket | undefined {
  try {
    return openAnswering(table, open?.fd);
  } catch (error) {
    const { code = 'Unknown', message } = error as NodeJS.ErrnoException;
    tell({ kind: 'LinkFailed', failure: { link: table.name, code, message } });
    return undefined;
  }
}

/** The link stays silent until the next table: whether it may answer again is not this thread's decision. */
function drop({ name }: AnsweringSocket, failure: LinkFailure): void {
  const dropped = sockets.filter((other) => other.name === name);
  use(sockets.filter((other) => other.name !== name));
  dropped.forEach(closeSocket);
  tell({ kind: 'LinkFailed', failure });
}

function use(next: readonly AnsweringSocket[]): void {
  sockets = next;
  pollFds = pollFdsOf(next);
}

function pollFdsOf(open: readonly AnsweringSocket[]): Int32Array {
  return Int32Array.from([wakeFd, ...open.map(({ fd }) => fd)].flatMap((fd) => [fd, pollIn]));
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}
