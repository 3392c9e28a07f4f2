/**
 * All nodes of the lab share one kernel, which does not report for which node it works. So one node gets a core of its own: its Pod runs
 * there, and all packets that arrive on its links are processed there (receive packet steering). Everything else stays on the first core.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { mustRun } from '../lab/run.ts';
import { podProcess } from './datapath-lab.ts';

/** The number of the core of the measured node, and of the core of all other nodes. */
export const cores = { own: 1, others: 0 } as const;

/** Gives a node its own core, and no other one. */
export async function giveCore(lab: Lab, owner: LabHost): Promise<void> {
  const bridge = owner.namespace.replace(/[^-]+$/, 'bridge');
  for (const namespace of [bridge, lab.client.namespace]) await steer(namespace, cores.others);
  for (const node of lab.nodes) {
    const core = node.name === owner.name ? cores.own : cores.others;
    await steer(node.namespace, core);
    await node.exec(['taskset', '--all-tasks', '--cpu-list', '--pid', `${core}`, await podProcess(node)]);
  }
}

/** Measures the share of the next `ms` milliseconds in which a core is busy, from 0 to 1 (proc(5)). */
export async function cpuBusy(core: number, ms: number): Promise<number> {
  const before = timesOf(core);
  await delay(ms);
  const after = timesOf(core);
  const total = sum(after) - sum(before);
  const idle = [3, 4].reduce((time, i) => time + (after[i] ?? 0) - (before[i] ?? 0), 0);
  return 1 - idle / total;
}

/** Writes to /sys as ip-netns(8) mounts it for the program that it runs. */
async function steer(namespace: string, core: number): Promise<void> {
  const script = `for f in /sys/class/net/*/queues/rx-*/rps_cpus; do echo ${(1 << core).toString(16)} >$f; done`;
  await mustRun(['ip', 'netns', 'exec', namespace, 'sh', '-c', script]);
}

function timesOf(core: number): readonly number[] {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '';
  // The time of guests is already part of the time of users.
  return line.split(' ').map(Number).slice(0, 8);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
