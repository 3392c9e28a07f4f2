/** What one VIP can deliver where the nodes' links are the limit, and what its holder does for it. */
import { createInterface } from 'node:readline';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { cores, cpuBusy, giveCore } from './datapath-cpu.ts';
import type { Download } from './datapath-download.ts';
import type { Stage, Target } from './datapath-lab.ts';

/** What the holder does while so much is downloaded. */
export interface HolderLoad {
  readonly mbitPerSecond: number;
  /** Packets and bits that pass its link in both directions. */
  readonly packetsPerSecond: number;
  readonly linkMbitPerSecond: number;
  /** Of the one core that serves the holder alone, as far as the machine lets it. */
  readonly cpuPercent: number;
}

/** Megabits a second of a slow link: far below what the machine can do, so that the links are the limit. */
export const linkMbit = 50;
const connections = 30;
/** What is downloaded while the holder is watched. */
const sameMbit = 400;

/** Downloads from a VIP of the distribution with slow links. */
export async function measureShaped(lab: Lab, stage: Stage, ms: number): Promise<Record<string, number>> {
  try {
    await Promise.all(lab.nodes.map(shape));
    const found: Record<string, number> = {};
    for (const distribution of ['Single', 'Spread'] as const) {
      const target = stage.local[distribution];
      found[distribution] = await download(lab.client, { ...target, connections, ms });
    }
    return found;
  } finally {
    await Promise.all(lab.nodes.map((node) => node.exec(['tc', 'qdisc', 'del', 'dev', node.link, 'root'])));
  }
}

/** What leaves the node, for it is downloads that are measured. The queue is short: the speakers' own datagrams wait in it, too. */
async function shape({ exec, link, name }: LabHost): Promise<void> {
  const limit = ['tbf', 'rate', `${linkMbit}mbit`, 'burst', '32k', 'latency', '20ms'];
  const { code, stderr } = await exec(['tc', 'qdisc', 'replace', 'dev', link, 'root', ...limit]);
  if (code !== 0) throw new Error(`tc on ${name}: ${stderr}`);
}

/** The same download, slow enough for every distribution, and what the holder of the VIP does for it. */
export async function measureHolder(lab: Lab, target: Target, ms: number): Promise<HolderLoad> {
  const holder = await holderOf(lab, target.host);
  await giveCore(lab, holder);
  // Or the first seconds would go into the buffers of connections that are not read from.
  await lab.client.exec(['sysctl', '-qw', 'net.ipv4.tcp_rmem=4096 65536 65536']);
  const rest = await cpuBusy(cores.own, ms / 2);
  let working: Promise<readonly [number, Counters, Counters]> | undefined;
  const begun = async () => {
    const before = await countersOf(holder);
    working = cpuBusy(cores.own, ms / 2).then(async (busy) => [busy, before, await countersOf(holder)]);
  };
  const mbitPerSecond = await download(lab.client, { ...target, connections, ms, mbitPerSecond: sameMbit }, begun);
  if (working === undefined) throw new Error('the download did not begin');
  const [busy, before, after] = await working;
  const seconds = (after.at - before.at) / 1_000;
  return {
    mbitPerSecond,
    packetsPerSecond: (after.packets - before.packets) / seconds,
    linkMbitPerSecond: ((after.bytes - before.bytes) * 8) / seconds / 1e6,
    cpuPercent: 100 * (busy - rest),
  };
}

/** The host that answers for a VIP, by the client's table of neighbors. */
export async function holderOf({ client, nodes }: Lab, vip: string): Promise<LabHost> {
  const { stdout } = await client.exec(['arping', '-c', '1', '-i', client.link, vip]);
  const holder = nodes.find(({ mac }) => stdout.toLowerCase().includes(mac));
  if (holder === undefined) throw new Error(`nobody answers for ${vip}: ${stdout}`);
  return holder;
}

interface Counters {
  readonly at: number;
  readonly packets: number;
  readonly bytes: number;
}

async function countersOf({ exec, link }: LabHost): Promise<Counters> {
  const { stdout } = await exec(['cat', '/proc/net/dev']);
  const words = new RegExp(`${link}:(.*)`).exec(stdout)?.[1]?.trim().split(/\s+/).map(Number) ?? [];
  // What was received comes first, in eight columns: bytes, packets, ...
  const both = (column: number) => (words[column] ?? 0) + (words[8 + column] ?? 0);
  return { at: performance.now(), bytes: both(0), packets: both(1) };
}

/** Gives megabits a second. */
async function download(
  client: LabHost,
  order: Download,
  onBegin: () => Promise<void> = async () => {},
): Promise<number> {
  const program = new URL('./datapath-download.ts', import.meta.url).pathname;
  const argv = ['taskset', '--cpu-list', `${cores.others}`, process.execPath, program, JSON.stringify(order)];
  const child = client.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'begin') await onBegin();
    else return Number(line);
  }
  throw new Error('the download ended');
}
