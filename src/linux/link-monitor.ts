/** Keeps the links of this network namespace up to date: one dump at the start, then the kernel's events. */
import { isDeepStrictEqual } from 'node:util';
import type { DumpKind, NetlinkBody } from '../wire/netlink.ts';
import { SystemError } from './libc.ts';
import { type Link, LinkTable } from './links.ts';
import { type NetlinkSocket, netlinkError, openNetlinkSocket } from './netlink-socket.ts';

/** The links, always as they are now. */
export interface LinkMonitor {
  /** What the kernel has said until now. Throws a `SystemError` where it refuses to say anything; ask again later. */
  links(): readonly Link[];
  /** Nothing more is heard; `links()` stays as it is. */
  close(): void;
}

/**
 * Opens a monitor; `onChange` is called as soon as `links()` would give something else than it gave last. The kernel tells of
 * events by SIGIO, so it works on the main thread only. It does not keep the process alive. Throws a `SystemError` that says
 * what to do where this process may not open netlink sockets.
 */
export function openLinkMonitor(onChange: () => void): LinkMonitor {
  return new KernelLinks(onChange);
}

/** The links as they are now, read once. */
export function readLinks(): readonly Link[] {
  const { socket, table } = load(() => undefined);
  socket.close();
  return table.links();
}

/** A socket, and what was heard on it. */
interface Heard {
  readonly socket: NetlinkSocket;
  readonly table: LinkTable;
}

/** One that knows everything, until then on the clock of `performance.now()`. */
interface Source extends Heard {
  readonly goodUntilMs: number;
}

class KernelLinks implements LinkMonitor {
  readonly #onChange: () => void;
  /** Undefined after messages were lost, and until all is read anew. */
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
      // Whoever is told of a change and asks for the links meets the error.
    }
    if (changed) this.#onChange();
  };

  /** Takes in all that is queued; are the links other than before? */
  #catchUp(): boolean {
    if (this.#closed) return false;
    const isGood = this.#source !== undefined && performance.now() < this.#source.goodUntilMs;
    const heard = this.#source && isGood ? drain(this.#source) : 'Lost';
    if (heard === 'Same') return false;
    if (heard === 'Lost') this.#reload();
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

/** Stays for good: without a listener SIGIO ends the process (signal(7)), and one may be on its way when a monitor is closed. */
function ignoreSignal(): void {}

/** Takes in what is queued. */
function drain({ socket, table }: Heard): 'Same' | 'Changed' | 'Lost' {
  for (let heard: 'Same' | 'Changed' = 'Same'; ; ) {
    const received = socket.receive();
    if (received === 'None') return heard;
    if (received === 'Lost') return 'Lost';
    for (const { body } of received) if (table.apply(body)) heard = 'Changed';
  }
}

/** Where more happens during a dump than the socket holds, all is read anew this often. */
const loadAttempts = 10;

/** A source whose dumps leave a doubt is read anew after this time. */
const doubtMs = 1_000;

/** A source that knows everything; it hears of changes from before the first dump on. */
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
 * How a dump ended. `Doubtful`: something changed meanwhile. The kernel queues a part of a dump after it has let go of the lock
 * that it read under, so what an event says may be newer than what the part behind it says about the same link. That happens
 * hardly ever, but it would stay for ever.
 */
type DumpOutcome = 'Sure' | 'Doubtful' | 'Lost';

/** Both dumps, one after the other: a socket takes one at a time. Closes the socket where it throws. */
function dumpAll(source: Heard, prepare: (socket: NetlinkSocket) => void): DumpOutcome {
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

/** Takes a dump in, and the events that come with it. */
function dump(kind: DumpKind, { socket, table }: Heard): DumpOutcome {
  socket.request(kind);
  for (let outcome: DumpOutcome = 'Sure'; ; ) {
    const received = socket.receive();
    // The kernel makes the next part when one is received: there is always something before the end.
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
