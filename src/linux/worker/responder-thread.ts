/** The main thread's side of the packet worker: starts it, sends it the tables, reads its counters. */
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import { ipv4Key } from '../../wire/arp.ts';
import { macBytes } from '../../wire/ethernet.ts';
import { packIpv6 } from '../../wire/ipv6-set.ts';
import { openEventFd } from '../libc.ts';
import { assertMayOpen, type LinkName } from '../packet-socket.ts';
import { allocateMemory, monotonicMs, type ResponderCounters, readCounters, viewMemory } from './responder-memory.ts';
import type { FromWorker, HeardClaim, LinkFailure, LinkTable, ToWorker, WorkerStart } from './responder-messages.ts';

/** The VIPs that one link must answer for. */
export interface LinkVips {
  readonly link: LinkName & { readonly mac: string };
  readonly vips: readonly Ip[];
  /** VIPs to answer with the hardware address of another node, which is restarting. */
  readonly standIns?: readonly { readonly vip: Ip; readonly mac: string }[];
  /** The families whose claims by other hosts are reported even if nothing is answered on the link. */
  readonly listens?: readonly Family[];
}

/** The callbacks of a responder. */
interface ResponderOptions {
  /** A link is no longer answered, or could not be opened, until the next `apply` with this link. */
  readonly onLinkFailed: (failure: LinkFailure) => void;
  /** Another host answers for an address, or claims it. */
  readonly onHeard?: (claim: HeardClaim) => void;
  /**
   * The thread was paused for this many milliseconds, and answers nothing until the callback returns. The whole process may have been
   * paused, and other nodes may hold its VIPs. The callback must decide again, and call `apply` if the result changed.
   */
  readonly onStalled?: (ms: number) => void;
  /** The thread ended by a fault of the program: nothing is answered from now on. */
  readonly onThreadFailed: (error: Error) => void;
}

/** `Closed`: the thread has ended, nothing is answered. */
export type ApplyOutcome = 'InEffect' | 'Closed';

/** The thread that answers ARP and Neighbor Solicitations for VIPs. */
export interface ResponderThread {
  /**
   * Sets the complete desired state; idempotent. Links that are missing, or have no VIPs, are closed. The promise is fulfilled when the state
   * is in effect, which takes less than 100 ms under any load. It never rejects, so it need not be awaited.
   */
  apply(links: readonly LinkVips[]): Promise<ApplyOutcome>;
  /** The frames since the start, by outcome. */
  counters(): ResponderCounters;
  /** Milliseconds since the last turn of the thread's loop: at most about 100 while it works. */
  heartbeatAgeMs(): number;
  /** Ends the thread. Nothing is answered after the promise is fulfilled. */
  close(): Promise<void>;
}

/** The limits of the worker's JS heap in MB. It contains the VIP tables, and nothing that grows. */
const heapMegabytes = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 } as const;

/** The worker is beside this file, with the same extension, both in the source tree and in the bundle. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './packet-worker.ts' : './packet-worker.js',
  import.meta.url,
);

/**
 * Starts the thread, which answers nothing before the first `apply`. Without the capability NET_RAW it rejects with an Error with code
 * `EPERM`, which says what to do. The thread does not keep the process alive.
 */
export async function startResponder(options: ResponderOptions): Promise<ResponderThread> {
  assertMayOpen();
  const start: WorkerStart = { memory: allocateMemory(), wakeFd: openEventFd() };
  const worker = new Worker(workerUrl, {
    name: 'packet-worker',
    workerData: start,
    resourceLimits: heapMegabytes,
    // Node.js would warn about every socket that it closes but did not open: libc opened them.
    trackUnmanagedFds: false,
  });
  try {
    // Rejects if the worker fails before it is ready.
    await once(worker, 'message');
  } catch (cause) {
    closeSync(start.wakeFd);
    throw cause;
  }
  worker.unref();
  return threadOf(worker, { start, options });
}

function threadOf(
  worker: Worker,
  { start, options }: { start: WorkerStart; options: ResponderOptions },
): ResponderThread {
  const memory = viewMemory(start.memory);
  const waiting = new Map<number, (outcome: ApplyOutcome) => void>();
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  let closed: Promise<void> | undefined;
  let newest = 0;
  let stalls = 0;
  let desired: readonly LinkTable[] = [];
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'Applied') complete(message.number, 'InEffect');
    if (message.kind === 'LinkFailed') options.onLinkFailed(message.failure);
    if (message.kind === 'Heard') options.onHeard?.(message.claim);
    if (message.kind === 'Stalled') confirm(message);
  });
  worker.on('error', options.onThreadFailed);
  exited.then(() => {
    for (const number of waiting.keys()) complete(number, 'Closed');
  });

  function complete(number: number, outcome: ApplyOutcome): void {
    waiting.get(number)?.(outcome);
    waiting.delete(number);
  }

  /** Posts the message, then stores its number, then wakes the worker: when the worker sees one step, the earlier ones are complete. */
  function send(message: ToWorker): void {
    worker.postMessage(message);
    Atomics.add(memory.newest, 0, 1);
    writeSync(start.wakeFd, oneWake);
  }

  /** Counts the stall as known only after the callback: earlier tables, which may still be on their way, must not end the silence. */
  function confirm({ number, ms }: { readonly number: number; readonly ms: number }): void {
    options.onStalled?.(ms);
    stalls = number;
    if (closed === undefined) sendTables();
  }

  function sendTables(): number {
    const number = ++newest;
    send({ kind: 'Tables', number, stalls, links: desired });
    return number;
  }

  async function end(): Promise<void> {
    worker.ref();
    send({ kind: 'Close' });
    await exited;
    closeSync(start.wakeFd);
  }

  return {
    apply: (links) => {
      if (closed !== undefined) return Promise.resolve('Closed');
      desired = links.flatMap(tablesOf);
      const number = sendTables();
      return new Promise((resolve) => waiting.set(number, resolve));
    },
    counters: () => readCounters(memory),
    heartbeatAgeMs: () => monotonicMs() - (memory.beat[0] ?? 0),
    close: () => {
      closed ??= end();
      return closed;
    },
  };
}

/** The 64-bit count that eventfd(2) requires. */
const oneWake = new Uint8Array(BigUint64Array.of(1n).buffer);

/** One table per family that has VIPs, or whose claims are reported. */
function tablesOf({ link, vips, standIns = [], listens = [] }: LinkVips): readonly LinkTable[] {
  const { name, index } = link;
  const mac = macBytes(link.mac);
  const answered = [...vips.map((vip) => ({ vip, mac: link.mac })), ...standIns];
  const ofFamily = (family: Family) => answered.filter(({ vip }) => familyOf(vip) === family);
  const macsOf = (entries: typeof answered) =>
    Uint8Array.from(entries.flatMap((one) => [...(one.mac === link.mac ? mac : macBytes(one.mac))]));
  const [overArp, overNdp] = [ofFamily('IPv4'), ofFamily('IPv6')];
  const { set, order } = packIpv6(overNdp.map(({ vip }) => vip));
  const keys = Int32Array.from(overArp, ({ vip }) => ipv4Key(vip));
  const inOrder = order.flatMap((position) => overNdp[position] ?? []);
  const tables: readonly LinkTable[] = [
    { name, index, mac, family: 'IPv4', vips: keys, macs: macsOf(overArp) },
    { name, index, mac, family: 'IPv6', vips: set, macs: macsOf(inOrder) },
  ];
  return tables.filter((table) => table.vips.length > 0 || listens.includes(table.family));
}
