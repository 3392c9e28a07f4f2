/**
 * The packet worker: one thread that answers ARP and Neighbor Solicitations on all links of the node. It never returns to the event loop
 * before it receives `Close`.
 */
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
 * The longest wait in poll. The process can end only while this thread runs JavaScript, so it never waits in recv, and in poll only for
 * this time.
 */
const longestWaitMs = 100;

/**
 * If the thread returns to its sockets after more than this time, it was paused, and other nodes may hold its VIPs: they consider a node
 * dead after 400 ms of silence. This time includes the longest wait in poll, as the elector's limit includes the heartbeat interval.
 */
const lateMs = 300;

/** How often the kernel's counter of dropped frames is read. */
const statisticsMs = 1000;

const { memory: buffer, wakeFd } = workerData as WorkerStart;
const memory = viewMemory(buffer);
const isLate = () => performance.now() - wokeAtMs > lateMs;
const onHeard = (claim: HeardClaim) => post({ kind: 'Heard', claim });
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
/** After a stall, nothing is answered until the main thread has sent tables that it decided afterwards. */
let isMute = false;

post({ kind: 'Ready' });
while (!closing) pollOnce();
sockets.forEach(closeSocket);

/** Waits once, and answers at most one batch per socket: a flood on one socket delays neither the others nor a new table. */
function pollOnce(): void {
  const ready = poll(pollFds, longestWaitMs);
  noticeStall();
  if (ready > 0) answerReady();
  beat();
  if (Atomics.load(memory.newest, 0) !== seenMessage) receiveMessages();
}

/**
 * Detects a stall. After a stall nothing is answered, neither queued nor new frames, until the main thread knows of it. The main thread may
 * have been paused too, and its former tables may be outdated.
 */
function noticeStall(): void {
  const nowMs = performance.now();
  const ms = nowMs - wokeAtMs;
  wokeAtMs = nowMs;
  if (ms <= lateMs) return;
  stalls += 1;
  isMute = true;
  post({ kind: 'Stalled', number: stalls, ms });
}

/** Entry 0 is the eventfd, entry i + 1 is socket i. After a socket is dropped the entries are new, and none is ready. */
function answerReady(): void {
  if (isReady(0)) readSync(wakeFd, wakeBytes);
  for (let i = 0; i < sockets.length; i++) {
    const socket = sockets[i];
    if (socket === undefined || !isReady(i + 1)) continue;
    const failure = isMute ? discard(socket) : answer(socket);
    if (failure !== undefined) drop(socket, failure);
  }
}

/** Any event counts, also POLLERR: the next receive returns the error. */
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

/** Receives all messages up to the stored number. A message is posted before its number is stored, so all of them have arrived. */
function receiveMessages(): void {
  seenMessage = Atomics.load(memory.newest, 0);
  for (let next = nextMessage(); next !== undefined; next = nextMessage()) {
    if (next.kind === 'Close') {
      closing = true;
    } else {
      apply(next.links);
      isMute = next.stalls < stalls;
      post({ kind: 'Applied', number: next.number });
    }
  }
}

function nextMessage(): ToWorker | undefined {
  return parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message;
}

/** Applies tables. The sockets of links that stay are kept, with the frames that are queued in them. */
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
    return openAnswering(table, open);
  } catch (error) {
    const { code = 'Unknown', message } = error as NodeJS.ErrnoException;
    post({ kind: 'LinkFailed', failure: { link: table.name, code, message } });
    return undefined;
  }
}

/** Drops a link until the next tables: the main thread decides whether it may answer again. */
function drop({ name }: AnsweringSocket, failure: LinkFailure): void {
  const dropped = sockets.filter((other) => other.name === name);
  use(sockets.filter((other) => other.name !== name));
  dropped.forEach(closeSocket);
  post({ kind: 'LinkFailed', failure });
}

function use(next: readonly AnsweringSocket[]): void {
  sockets = next;
  pollFds = pollFdsOf(next);
}

function pollFdsOf(open: readonly AnsweringSocket[]): Int32Array {
  return Int32Array.from([wakeFd, ...open.map(({ fd }) => fd)].flatMap((fd) => [fd, pollIn]));
}

function post(message: FromWorker): void {
  parentPort?.postMessage(message);
}
