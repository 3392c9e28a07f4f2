/** The failover bench: what clients see of a VIP while its holder dies, restarts, is drained or starved, on a real cluster. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import * as berth from '../cluster/berth.ts';
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { phase, seconds } from '../lab/progress.ts';
import { Prober, probed } from '../probe/prober.ts';
import { now } from '../probe/told.ts';
import { type FailoverEvent, failoverEvents, type Scene } from './failover-events.ts';
import { type EventRuns, printFailover, type Run, runLine } from './failover-table.ts';

/** What to measure. */
export interface FailoverOptions {
  /** Names of events. */
  readonly events: readonly string[];
  readonly runs: number;
  readonly starveMinutes: number;
  /** Id of the lab. One that runs already is used as it is. */
  readonly lab: string;
  /** Leave the lab up. */
  readonly keep: boolean;
  /** Write all that was measured into this file. */
  readonly json?: string;
}

const connections = 30;
/** The Service that is probed, and its backends. */
const subject = 'failover';
/** So long it is watched before an event, too. */
const beforeMs = 1_000;
const log = (line: string) => console.error(`bench: ${line}`);

/** Brings a cluster of three nodes up, measures, prints tables and takes the cluster down. */
export async function benchFailover(options: FailoverOptions): Promise<void> {
  const { events, lab: id, keep } = options;
  const chosen = failoverEvents.filter(({ name }) => events.includes(name));
  downOnInterrupt(id);
  try {
    const lab = await upLab({ id, nodes: 3, log });
    await lab.buildBerth();
    const vip = await phase(log, 'Berth installed, backends ready', () => serve(lab));
    const load = loadavg();
    const done: EventRuns[] = [];
    for (const event of chosen) {
      done.push({ event, runs: await measure(event, { lab, vip, options }) });
      if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(done, undefined, 2));
    }
    printFailover(done, { before: load, after: loadavg() });
  } finally {
    if (!keep) await downLab(id);
  }
}

async function serve(lab: Lab): Promise<string> {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest(subject, lab.subnet.vips));
  await lab.apply(probed(subject));
  await lab.kubectl(['rollout', 'status', `daemonset/${subject}`, '--timeout=90s']);
  return berth.addressOf(lab, subject);
}

interface Bench {
  readonly lab: Lab;
  readonly vip: string;
  readonly options: FailoverOptions;
}

async function measure(event: FailoverEvent, bench: Bench): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const wanted = event.once ? 1 : bench.options.runs;
  for (let i = 0; i < wanted; i++) {
    const begin = performance.now();
    const which = `${event.name} ${i + 1} of ${wanted}`;
    log(`${which} (${event.what}) ...`);
    const run = await runOnce(event, bench);
    runs.push(run);
    log(`${which}: ${runLine(run)}, ${seconds(begin)} in all`);
  }
  return runs;
}

/** A prober of its own for each run: what one run did to it does not matter to the next. */
async function runOnce(event: FailoverEvent, { lab, vip, options }: Bench): Promise<Run> {
  const prober = await Prober.start(lab, vip);
  try {
    await prober.peace();
    await prober.openEchoes(connections);
    const { starveMinutes } = options;
    const scene: Scene = { lab, prober, holder: prober.holder(), starveMinutes };
    try {
      await event.prepare?.(scene);
      return await watch(event, scene);
    } finally {
      await event.mend?.(scene);
    }
  } finally {
    prober.close();
  }
}

async function watch(event: FailoverEvent, scene: Scene): Promise<Run> {
  const { prober } = scene;
  // What an event's preparation broke is no news.
  if (event.prepare) await prober.openEchoes(connections);
  else await delay(beforeMs);
  const from = now();
  await event.make(scene);
  const madeMs = now() - from;
  await delay(event.watchMs);
  const to = now();
  const { alive, broken, longestPauseMs } = await prober.echoes();
  const found = await prober.findings({ from, to });
  return { found, madeMs, echoes: { alive, of: connections, broken, longestPauseMs }, load: loadavg()[0] ?? 0 };
}
