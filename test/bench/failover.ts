/** The failover bench: what clients see of a VIP while its holder dies, restarts, is drained or starved, on a real cluster. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import * as berth from '../cluster/berth.ts';
import { downLab, downOnInterrupt, eventually, type Lab, upLab } from '../lab/cluster.ts';
import { phase, seconds } from '../lab/progress.ts';
import { podsOfProbed, probed, secondName } from '../probe/backend.ts';
import { Prober } from '../probe/prober.ts';
import { now } from '../probe/told.ts';
import { survivalOf, type Way } from './failover-connections.ts';
import { type FailoverEvent, failoverEvents, type Scene } from './failover-events.ts';
import { flood, serveOthers } from './failover-flood.ts';
import { type EventRuns, printFailover, type Run, runLine } from './failover-table.ts';

/** What to measure. */
export interface FailoverOptions {
  /** The names of the events. */
  readonly events: readonly string[];
  readonly runs: number;
  readonly starveMinutes: number;
  readonly distribution: 'Single' | 'Spread';
  readonly policy: 'Cluster' | 'Local';
  readonly handOff: 'KubeProxy' | 'NodePort';
  /** Whether Berth loads nftables rules. */
  readonly nftables: boolean;
  /** How many frames a second a Pod of each node sends that claim all VIPs; 0: none does. */
  readonly flood: number;
  /** The id of the lab. A running lab with this id is used as it is. */
  readonly lab: string;
  /** Whether to keep the lab. */
  readonly keep: boolean;
  /** The file for all measurements. */
  readonly json?: string;
}

const connections = 30;
/** The name of the probed Service and of its backends. */
const subject = 'failover';
/** How long the prober runs before an event. */
const beforeMs = 1_000;
const log = (line: string) => console.error(`bench: ${line}`);

/** Creates a cluster of three nodes, measures, prints tables and removes the cluster. */
export async function benchFailover(options: FailoverOptions): Promise<void> {
  const { events, lab: id, keep } = options;
  const chosen = failoverEvents.filter(({ name }) => events.includes(name));
  downOnInterrupt(id);
  try {
    const lab = await upLab({ id, nodes: 3, log });
    await lab.buildBerth();
    const vip = await phase(log, 'Berth installed, backends ready', () => serve(lab, options));
    const flooding = options.flood > 0 ? await flood(lab, podsOfProbed, options.flood) : undefined;
    const load = loadavg();
    const done: EventRuns[] = [];
    for (const event of chosen) {
      done.push({ event, runs: await measure(event, { lab, vip, options }) });
      if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(done, undefined, 2));
    }
    printFailover(done, { before: load, after: loadavg() }, servedAs(options));
    await flooding?.end();
  } finally {
    if (!keep) await downLab(id);
  }
}

function servedAs({ distribution, policy, handOff, nftables }: FailoverOptions): string {
  return `${distribution}, externalTrafficPolicy ${policy}, hand-off ${handOff}${nftables ? '' : ', without the nftables rules'}`;
}

async function serve(lab: Lab, options: FailoverOptions): Promise<string> {
  const { distribution, policy, handOff, nftables } = options;
  await berth.installBerth(lab, [`speaker.nftables.enabled=${nftables}`]);
  await lab.apply(berth.poolManifest(subject, lab.subnet.vips, lab.subnet.vipsIpv6));
  const patch = JSON.stringify({ spec: { distribution } });
  await lab.kubectl(['patch', 'l2advertisement', subject, '--type=merge', '--patch', patch]);
  await lab.apply(probed(subject, { policy, handOff, second: true }));
  for (const workload of [`daemonset/${subject}`, `deployment/${secondName(subject)}`]) {
    await lab.kubectl(['rollout', 'status', workload, '--timeout=90s']);
  }
  if (nftables && distribution === 'Spread') await spread(lab);
  const vip = await berth.addressOf(lab, subject);
  if (options.flood > 0) await serveOthers(lab, subject);
  return vip;
}

/** Waits until every node forwards packets to every other node. */
async function spread({ nodes }: Lab): Promise<void> {
  for (const node of nodes) {
    const ways = async () => {
      const { stdout } = await node.exec(['nft', 'list', 'table', 'netdev', 'berth']);
      return new Set(stdout.match(/fwd ip to \S+/g)).size === nodes.length - 1;
    };
    await eventually(`${node.name} forwards packets to all other nodes`, ways);
  }
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

/** Each run has a new prober, so that a run does not affect the next one. */
async function runOnce(event: FailoverEvent, { lab, vip, options }: Bench): Promise<Run> {
  const prober = await Prober.start(lab, vip);
  try {
    await prober.peace();
    await prober.openEchoes(connections);
    const { starveMinutes } = options;
    const holder = prober.holder();
    const other = lab.nodes.find(({ name }) => name !== holder.name) ?? holder;
    const scene: Scene = { lab, prober, holder, other, second: secondName(subject), starveMinutes };
    // Some events stop the API server.
    const ways = await waysOf(lab);
    try {
      await event.prepare?.(scene);
      return await watch(event, scene, ways);
    } finally {
      await event.mend?.(scene);
    }
  } finally {
    prober.close();
  }
}

async function watch(event: FailoverEvent, scene: Scene, ways: readonly Way[]): Promise<Run> {
  const { prober } = scene;
  // Connections that the preparation broke are not counted.
  if (event.prepare) await prober.openEchoes(connections);
  else await delay(beforeMs);
  const from = now();
  await event.make(scene);
  const madeMs = now() - from;
  await delay(event.watchMs);
  const to = now();
  const { alive, broken, longestPauseMs, each } = await prober.echoes();
  const found = await prober.findings({ from, to });
  const podsLeft = event.endsPods ? await podsOf(scene.lab) : new Set(each.map(({ pod }) => pod));
  const nodes = event.loses ? [scene[event.loses].name] : [];
  const survival = survivalOf(each, ways, { nodes, podsLeft });
  const echoes = { alive, of: connections, broken, longestPauseMs, survival };
  return { found, madeMs, echoes, load: loadavg()[0] ?? 0 };
}

async function waysOf(lab: Lab): Promise<readonly Way[]> {
  const format = '{range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}';
  const text = await lab.kubectl(['get', 'pods', '-l', `probed=${subject}`, '-o', `jsonpath=${format}`]);
  const pods = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
  return lab.nodes.map(({ name, ip }) => ({ name, ip, pod: pods.get(name) ?? '' }));
}

async function podsOf(lab: Lab): Promise<ReadonlySet<string>> {
  const names = ['get', 'pods', '-l', `probed=${subject}`, '-o', 'jsonpath={.items[*].metadata.name}'];
  return new Set((await lab.kubectl(names)).split(' '));
}
