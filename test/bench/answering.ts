/** The bench of ARP and NDP answers. Our responder and the kernel's own answer take turns on the same pair of links. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { arpFrameLength } from '../../src/wire/arp.ts';
import { ndpFrameLength } from '../../src/wire/ndp.ts';
import { type LineProcess, startLineProcess } from '../net/line-process.ts';
import { createPair, ip, linkName, type Pair } from '../net/namespaces.ts';
import type { Load, Measured, Protocol } from './answering-load.ts';
import { machineLine } from './machine.ts';

/** The VIP that our responder answers, the address of the node's link that its kernel answers, and the bytes of request and reply. */
const subjects = {
  ARP: { vip: '10.99.1.1', nodeAddress: '10.99.0.2', exchangeBytes: 2 * arpFrameLength },
  NDP: { vip: 'fd99::c8:1', nodeAddress: 'fd99::2', exchangeBytes: 2 * ndpFrameLength },
} as const;

const floodMs = 1500;
const latencyMs = 1000;
const restMs = 2000;

/** The medians of one responder. */
interface Result {
  readonly askedPerSecond: number;
  readonly repliesPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** What the measurement needs. */
interface Bench {
  readonly protocol: Protocol;
  readonly pair: Pair;
  readonly responder: LineProcess;
  readonly rounds: number;
}

const execFileAsync = promisify(execFile);

/** Prints a table for this machine. */
export async function benchAnswering(protocol: Protocol, rounds: number): Promise<void> {
  const folder = await buildResponder();
  const pair = createPair();
  // Otherwise the client's kernel would process every reply too, and that must not be measured.
  ip(`-n ${pair.client} link set ${linkName} arp off`);
  const responder = startLineProcess({ namespace: pair.node, file: `${folder}/responder-process.js` });
  try {
    await responder.next('ready');
    const bench = { protocol, pair, responder, rounds };
    const rest = await measureRest(bench);
    print(await measureInTurns(bench), { ...rest, ...subjects[protocol] });
    if (protocol === 'ARP') printBusy(await measureBusy(bench));
  } finally {
    responder.close();
    pair.close();
    rmSync(folder, { recursive: true });
  }
}

/** Builds the responder as it is shipped, one bundle for each thread. It lies inside node_modules, so that it finds koffi. */
async function buildResponder(): Promise<string> {
  const root = new URL('../..', import.meta.url).pathname;
  const folder = mkdtempSync(`${root}node_modules/.berth-bench-`);
  await build({
    absWorkingDir: root,
    entryPoints: ['test/net/responder-process.ts', 'src/linux/worker/packet-worker.ts'],
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'error',
  });
  return folder;
}

/** Measures a process that has VIPs but no requests: CPU time in percent of one core, and memory. */
async function measureRest({ protocol, responder }: Bench) {
  await responder.ask({ do: 'apply', links: { [linkName]: [subjects[protocol].vip] } }, 'done');
  const before = await usageOf(responder);
  await delay(restMs);
  const after = await usageOf(responder);
  return { restPercent: ((after.cpuUs - before.cpuUs) / (after.atMs - before.atMs) / 1000) * 100, restRss: after.rss };
}

/** Reads memory in bytes, CPU time so far in microseconds, the number of answers so far, and the time of reading. */
async function usageOf(responder: LineProcess) {
  const said = await responder.ask({ do: 'counters' }, 'counters');
  const { user, system } = said.cpu as NodeJS.CpuUsage;
  return { rss: Number(said.rss), cpuUs: user + system, answered: Number(said.Answered), atMs: performance.now() };
}

type Rest = Awaited<ReturnType<typeof measureRest>> & { readonly exchangeBytes: number };
type Results = Awaited<ReturnType<typeof measureInTurns>>;

/** Measures ours, the kernel's, ours, and so on, so that other load on the machine affects both. */
async function measureInTurns({ protocol, pair, responder, rounds }: Bench) {
  const { vip, nodeAddress } = subjects[protocol];
  const ours: Measured[] = [];
  const kernel: Measured[] = [];
  let cpuUs = 0;
  for (let round = 0; round < rounds; round++) {
    await responder.ask({ do: 'apply', links: { [linkName]: [vip] } }, 'done');
    const before = await usageOf(responder);
    ours.push(await run(pair, { protocol, kind: 'flood', target: vip, ms: floodMs }));
    const after = await usageOf(responder);
    cpuUs += (after.cpuUs - before.cpuUs) / Math.max(1, after.answered - before.answered);
    ours.push(await run(pair, { protocol, kind: 'latency', target: vip, ms: latencyMs }));
    // This closes the socket: a second receiver would slow the kernel's own answer down.
    await responder.ask({ do: 'apply', links: {} }, 'done');
    kernel.push(await run(pair, { protocol, kind: 'flood', target: nodeAddress, ms: floodMs }));
    kernel.push(await run(pair, { protocol, kind: 'latency', target: nodeAddress, ms: latencyMs }));
  }
  return { ours: resultOf(ours), kernel: resultOf(kernel), cpuUsPerReply: cpuUs / rounds };
}

/** A large and noisy network: the number of VIPs, and how many of ten requests are for addresses of other hosts. */
const busy = { targets: 10_000, foreignOfTen: 9 } as const;

/** Measures 10,000 VIPs among requests for other hosts: ours, the kernel's (with its one address), ours, and so on. */
async function measureBusy({ protocol, pair, responder, rounds }: Bench) {
  const { vip, nodeAddress } = subjects[protocol];
  const first = ipToNumber(vip as Ip);
  const vips = Array.from({ length: busy.targets }, (_, i) => ipFromNumber(first + BigInt(i), 'IPv4'));
  const ours: Measured[] = [];
  const kernel: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    await responder.ask({ do: 'apply', links: { [linkName]: vips } }, 'done');
    ours.push(await run(pair, { protocol, kind: 'flood', target: vip, ms: floodMs, ...busy }));
    await responder.ask({ do: 'apply', links: {} }, 'done');
    kernel.push(await run(pair, { protocol, kind: 'flood', target: nodeAddress, ms: floodMs, ...busy, targets: 1 }));
  }
  return { ours, kernel };
}

function printBusy({ ours, kernel }: Awaited<ReturnType<typeof measureBusy>>): void {
  const perSecond = (of: readonly Measured[], key: 'sent' | 'replies') =>
    median(of.map((one) => one[key] / one.seconds)).toFixed(0);
  console.log(
    `${busy.targets} VIPs, ${busy.foreignOfTen} of 10 requests for addresses of other hosts; the kernel has one address:`,
  );
  console.table(
    (['sent', 'replies'] as const).map((key) => ({
      '': `${key}/s`,
      Berth: perSecond(ours, key),
      kernel: perSecond(kernel, key),
    })),
  );
}

/** Runs the load generator on the client. */
async function run({ client }: Pair, load: Omit<Load, 'link'>): Promise<Measured> {
  const program = new URL('./answering-load.ts', import.meta.url).pathname;
  const argument = JSON.stringify({ ...load, link: linkName });
  const { stdout } = await execFileAsync('ip', ['netns', 'exec', client, process.execPath, program, argument]);
  return JSON.parse(stdout);
}

function resultOf(measured: readonly Measured[]): Result {
  const floods = measured.filter(({ kind }) => kind === 'flood');
  const latencies = measured.filter(({ kind }) => kind === 'latency');
  return {
    repliesPerSecond: median(floods.map(({ replies, seconds }) => replies / seconds)),
    askedPerSecond: median(floods.map(({ sent, seconds }) => sent / seconds)),
    p50Us: median(latencies.map(({ p50Us }) => p50Us)),
    p99Us: median(latencies.map(({ p99Us }) => p99Us)),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print({ ours, kernel, cpuUsPerReply }: Results, rest: Rest): void {
  const row = (what: string, key: keyof Result, digits: number) => ({
    '': what,
    Berth: ours[key].toFixed(digits),
    kernel: kernel[key].toFixed(digits),
    ratio: (ours[key] / kernel[key]).toFixed(2),
  });
  console.log(machineLine());
  console.table([
    row('requests/s, as fast as possible', 'askedPerSecond', 0),
    row('replies/s', 'repliesPerSecond', 0),
    row('p50 one at a time, us', 'p50Us', 1),
    row('p99 one at a time, us', 'p99Us', 1),
  ]);
  console.log(
    `responder process: ${(rest.restRss / 2 ** 20).toFixed(0)} MiB RSS and ${rest.restPercent.toFixed(2)} % of a core at rest, ` +
      `${cpuUsPerReply.toFixed(2)} us of CPU time per reply in the flood, ${rest.exchangeBytes} bytes on the wire per exchange`,
  );
}
