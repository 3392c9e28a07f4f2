/** The data path bench: the cost of each way to a Service's Pods, as a ratio to its node port in the same run. */
import { loadavg } from 'node:os';
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { phase } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';
import type { Load, Measured } from './datapath-client.ts';
import { type Stage, setStage, type Target, ways } from './datapath-lab.ts';
import { type HolderLoad, linkMbit, measureHolder, measureShaped } from './datapath-shaped.ts';
import { machineLine } from './machine.ts';
import { ratios, summaryOf, summaryText } from './medians.ts';

/** What to measure. */
export interface DatapathOptions {
  readonly runs: number;
  readonly policy: 'Cluster' | 'Local';
  /** The id of the lab. A running lab with this id is used as it is. */
  readonly lab: string;
  /** Whether to keep the lab. */
  readonly keep: boolean;
}

const load = { connections: 12, roundTripsEach: 300, connectMs: 400, downloadMs: 60 } as const;
const downloadMs = 4_000;
/** The limit for the number of downloads, because each takes seconds. */
const mostDownloads = 3;
const log = (line: string) => console.error(`bench: ${line}`);

type Results = Record<(typeof ways)[number], Measured[]>;

/** Creates a cluster of three nodes, measures, prints tables and removes the cluster. */
export async function benchDatapath({ runs, policy, lab: id, keep }: DatapathOptions): Promise<void> {
  downOnInterrupt(id);
  let stage: Stage | undefined;
  try {
    const lab = await upLab({ id, nodes: 3, log });
    await lab.buildBerth();
    stage = await phase(log, 'Berth installed, backends ready', () => setStage(lab, policy));
    console.log(machineLine());
    console.log(`externalTrafficPolicy ${policy}, load average ${loadavg()[0]?.toFixed(1)}`);
    print(await phase(log, `${runs} rounds`, () => measureInTurns(lab, stage as Stage, runs)));
    const downloads = Math.min(runs, mostDownloads);
    printShaped(await phase(log, 'downloads over slow links', () => shapedRuns(lab, stage as Stage, downloads)));
    printHolders(await phase(log, 'the load of the holder', () => holderRuns(lab, stage as Stage, downloads)));
    console.log(`load average ${loadavg()[0]?.toFixed(1)} at the end`);
  } finally {
    for (const server of stage?.servers ?? []) server.kill();
    if (!keep) await downLab(id);
  }
}

/** Measures every way in every round, so that other load on the machine affects all of them. */
async function measureInTurns(lab: Lab, stage: Stage, runs: number): Promise<Results> {
  const results = Object.fromEntries(ways.map((way) => [way, [] as Measured[]])) as Results;
  for (const way of ways) await measure(lab, stage.ways[way]);
  for (let round = 0; round < runs; round++) {
    for (const way of ways) results[way].push(await measure(lab, stage.ways[way]));
  }
  return results;
}

async function measure({ client }: Lab, target: Target): Promise<Measured> {
  const program = new URL('./datapath-client.ts', import.meta.url).pathname;
  const order: Load = { ...target, ...load };
  return JSON.parse(await mustRun([...client.command(), process.execPath, program, JSON.stringify(order)]));
}

function print(results: Results): void {
  const figures: readonly (readonly [string, (one: Measured) => number, number])[] = [
    ['p50, us', ({ p50Us }) => p50Us, 1],
    ['p99, us', ({ p99Us }) => p99Us, 1],
    ['connections/s, one at a time', ({ connectionsPerSecond }) => connectionsPerSecond, 0],
    ['one download, Gbit/s', ({ gbitPerSecond }) => gbitPerSecond, 2],
  ];
  for (const [name, pick, digits] of figures) {
    const plain = results.NodePort.map(pick);
    const rows = ways.map((way) => {
      const values = results[way].map(pick);
      const ratio = summaryText(summaryOf(ratios(values, plain)), 3);
      return [way, { [name]: summaryText(summaryOf(values), digits), 'ratio to NodePort': ratio }];
    });
    console.table(Object.fromEntries(rows));
  }
}

async function shapedRuns(lab: Lab, stage: Stage, runs: number): Promise<readonly Record<string, number>[]> {
  const found: Record<string, number>[] = [];
  for (let i = 0; i < runs; i++) found.push(await measureShaped(lab, stage, downloadMs));
  return found;
}

function printShaped(runs: readonly Record<string, number>[]): void {
  const of = (distribution: string) => runs.map((run) => run[distribution] ?? Number.NaN);
  const [single, spread] = [of('Single'), of('Spread')];
  console.log(
    `one VIP over links of ${linkMbit} Mbit/s, Local: Single ${summaryText(summaryOf(single), 1)} Mbit/s, ` +
      `Spread ${summaryText(summaryOf(spread), 1)} Mbit/s, ratio ${summaryText(summaryOf(ratios(spread, single)), 2)}`,
  );
}

async function holderRuns(lab: Lab, stage: Stage, runs: number): Promise<Record<'Single' | 'Spread', HolderLoad[]>> {
  const found = { Single: [] as HolderLoad[], Spread: [] as HolderLoad[] };
  for (let i = 0; i < runs; i++) {
    for (const distribution of ['Single', 'Spread'] as const) {
      found[distribution].push(await measureHolder(lab, stage.local[distribution], downloadMs));
    }
  }
  return found;
}

function printHolders(found: Awaited<ReturnType<typeof holderRuns>>): void {
  const row = (runs: readonly HolderLoad[]) => {
    const text = (pick: (one: HolderLoad) => number) => summaryText(summaryOf(runs.map(pick)), 0);
    return {
      'download, Mbit/s': text(({ mbitPerSecond }) => mbitPerSecond),
      "on the holder's link, Mbit/s": text(({ linkMbitPerSecond }) => linkMbitPerSecond),
      'packets/s on that link': text(({ packetsPerSecond }) => packetsPerSecond),
      'CPU of the holder and its Pod, % of a core': text(({ cpuPercent }) => cpuPercent),
    };
  };
  console.log('the same download over 30 connections, Local; without the load of that core at rest:');
  console.table({ Single: row(found.Single), Spread: row(found.Spread) });
}
