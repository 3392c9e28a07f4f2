/** Tracks the links of this network namespace: one dump at the start, then the kernel's events. */
import { isDeepStrictEqual } from 'node:util';
import type { DumpKind, NetlinkBody } from '../wire/netlink.ts';
import { SystemError } from './libc.ts';
import { type Link, LinkTable } from './links.ts';
import { type NetlinkSocket, netlinkError, openNetlinkSocket } from './netlink-socket.ts';

/** The current links. */
export interface LinkMonitor {
  /**
   * The links according to all messages of the kernel so far. Throws a `SystemError` if they cannot be read now; a later call may
   * succeed.
   */
  links(): readonly Link[];
  /** Stops tracking; `links()` no longer changes. */
  close(): void;
}

/**
 * Opens a monitor. `onChange` is called as soon as `links()` would return something else than last time. The kernel reports events by
 * SIGIO, so a monitor works on the main thread only. It does not keep the process alive. If this process may not open netlink sockets,
 * it throws a `SystemError` that says what to do.
 */
export function openLinkMonitor(onChange: () => void): LinkMonitor {
  return new KernelLinks(onChange);
}

/** Reads the current links once. */
export function readLinks(): readonly Link[] {
  const { socket, table } = load(() => undefined);
  socket.close();
  return table.links();
}

/** A socket, and the links according to its messages. */
interface Subscription {
  readonly socket: NetlinkSocket;
  readonly table: LinkTable;
}

/** A subscription whose table is complete, and valid until this time on the clock of `performance.now()`. */
interface Source extends Subscription {
  readonly goodUntilMs: number;
}

class KernelLinks implements LinkMonitor {
  readonly #onChange: () => void;
  /** Undefined after messages were lost, until all links are read again. */
  #source: Source | undefined;
  #links: readonly Link[] = [];
  #closed = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    if (!process.listeners('SIGIO').includes(ignoreSignal)) process.on('SIGIO', ignoreSignal);
    this.#catchUp();
    process.on('SIGIO', this.#onSignal);
  }

  links(): readonly Link[] {
    this.#catchUp();
    return this.#links;
  }

  close(): void {
    process.off('SIGIO', this.#onSignal);
    this.#closed = true;
    this.#forget();
  }

  #onSignal = (): void => {
    let changed = true;
    try {
      changed = this.#catchUp();
    } catch {
      // The receiver of `onChange` calls `links()`, which throws this error.
    }
    if (changed) this.#onChange();
  };

  /** Processes all queued messages. True if the links changed. */
  #catchUp(): boolean {
    if (this.#closed) return false;
    const isGood = this.#source !== undefined && performance.now() < this.#source.goodUntilMs;
    const outcome = this.#source && isGood ? drain(this.#source) : 'Lost';
    if (outcome === 'Same') return false;
    if (outcome === 'Lost') this.#reload();
    const former = this.#links;
    this.#links = this.#source?.table.links() ?? former;
    return !isDeepStrictEqual(this.#links, former);
  }

  #reload(): void {
    this.#forget();
    this.#source = load((socket) => socket.signal());
  }

  #forget(): void {
    this.#source?.socket.close();
    this.#source = undefined;
  }
}

/** Never removed: without a listener SIGIO ends the process (signal(7)), and a signal may still arrive after a monitor is closed. */
function ignoreSignal(): void {}

/** Applies all queued messages to the table. */
function drain({ socket, table }: Subscription): 'Same' | 'Changed' | 'Lost' {
  for (let outcome: 'Same' | 'Changed' = 'Same'; ; ) {
    const received = socket.receive();
    if (received === 'None') return outcome;
    if (received === 'Lost') return 'Lost';
    for (const { body } of received) if (table.apply(body)) outcome = 'Changed';
  }
}

/** The most attempts to read all links. Another one is needed if more events arrive during a dump than the socket can queue. */
const loadAttempts = 10;

/** Doubtful dumps are repeated after this time. */
const doubtMs = 1_000;

/** Reads all links. The socket receives events since before the first dump. */
function load(prepare: (socket: NetlinkSocket) => void): Source {
  for (let attempt = 0; attempt < loadAttempts; attempt += 1) {
    const source = { socket: openNetlinkSocket(), table: new LinkTable() };
    const outcome = dumpAll(source, prepare);
    if (outcome === 'Sure') return { ...source, goodUntilMs: Number.POSITIVE_INFINITY };
    if (outcome === 'Doubtful') return { ...source, goodUntilMs: performance.now() + doubtMs };
    source.socket.close();
  }
  throw new SystemError('netlink', 'ENOBUFS', 'the links of this node change faster than they can be read');
}

/**
 * How a dump ended. `Doubtful`: something changed during the dump. The kernel queues a part of a dump after it has released the lock under
 * which it read the part, so an event may be newer than a part that is queued after it. This is very rare, but the error would be permanent.
 */
type DumpOutcome = 'Sure' | 'Doubtful' | 'Lost';

/** Makes both dumps, one after the other, because a socket allows one at a time. Closes the socket if it throws. */
function dumpAll(source: Subscription, prepare: (socket: NetlinkSocket) => void): DumpOutcome {
  try {
    prepare(source.socket);
    const links = dump('links', source);
    const addresses = links === 'Lost' ? 'Lost' : dump('addresses', source);
    return addresses === 'Sure' ? links : addresses;
  } catch (cause) {
    source.socket.close();
    throw cause;
  }
}

/** Makes a dump, and applies it together with the events that arrive meanwhile. */
function dump(kind: DumpKind, { socket, table }: Subscription): DumpOutcome {
  socket.request(kind);
  for (let outcome: DumpOutcome = 'Sure'; ; ) {
    const received = socket.receive();
    // The kernel queues the next part when one is received, so the queue is never empty before the end.
    if (received === 'None' || received === 'Lost') return 'Lost';
    for (const { body, dumped, interrupted } of received) {
      assertNoError(body);
      if (!dumped || interrupted) outcome = 'Doubtful';
      if (body.kind === 'End') return outcome;
      table.apply(body);
    }
  }
}

function assertNoError(body: NetlinkBody): void {
  if ((body.kind === 'End' || body.kind === 'Failed') && body.errno !== 0) throw netlinkError(body.errno);
}
