/** How much one VIP can deliver when the nodes' links are the limit, and how much work that is for its holder. */
import { createInterface } from 'node:readline';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { cores, cpuBusy, giveCore } from './datapath-cpu.ts';
import type { Download } from './datapath-download.ts';
import type { Stage, Target } from './datapath-lab.ts';

/** The load of the holder during a download. */
export interface HolderLoad {
  readonly mbitPerSecond: number;
  /** Packets and bits on its link, both directions together. */
  readonly packetsPerSecond: number;
  readonly linkMbitPerSecond: number;
  /** In percent of the core that serves only the holder, as far as the machine allows that. */
  readonly cpuPercent: number;
}

/** Megabits per second of a slow link. It is far below what the machine can do, so that the links are the limit. */
export const linkMbit = 50;
const connections = 30;
/** The rate of the download during which the holder is measured. */
const sameMbit = 400;

/** Downloads over slow links, once for each distribution. */
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

/** Limits the node's outgoing traffic, which carries the downloads. The queue is short: the speakers' datagrams wait in it too. */
async function shape({ exec, link, name }: LabHost): Promise<void> {
  const limit = ['tbf', 'rate', `${linkMbit}mbit`, 'burst', '32k', 'latency', '20ms'];
  const { code, stderr } = await exec(['tc', 'qdisc', 'replace', 'dev', link, 'root', ...limit]);
  if (code !== 0) throw new Error(`tc on ${name}: ${stderr}`);
}

/** Measures the load of the VIP's holder during the same download, which is slow enough for every distribution. */
export async function measureHolder(lab: Lab, target: Target, ms: number): Promise<HolderLoad> {
  const holder = await holderOf(lab, target.host);
  await giveCore(lab, holder);
  // Otherwise the first seconds would fill the buffers of connections that are not read.
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

/** Returns the host that answers for a VIP, according to the client's neighbor table. */
export async function holderOf({ client, nodes }: Lab, vip: string): Promise<LabHost> {
  const { stdout } = await client.exec(['arping', '-c', '1', '-i', client.link, vip]);
  const holder = nodes.find(({ mac }) => stdout.toLowerCase().includes(mac));
  if (holder === undefined) throw new Error(`no host answers for ${vip}: ${stdout}`);
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
  // The receive counters come first, in eight columns: bytes, packets, ...
  const both = (column: number) => (words[column] ?? 0) + (words[8 + column] ?? 0);
  return { at: performance.now(), bytes: both(0), packets: both(1) };
}

/** Returns megabits per second. */
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
