/**
 * All nodes of the lab share one kernel, which does not say for which of them it works. So one of them is given a core: its Pod runs there,
 * and what comes to any of its links is looked at there (receive packet steering); everything else is kept on the first core.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { mustRun } from '../lab/run.ts';
import { podProcess } from './datapath-lab.ts';

/** The core that one node has, and that of all others, by number. */
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

/** The share of a core's time, from 0 to 1, that it works in the next so many milliseconds (proc(5)). */
export async function cpuBusy(core: number, ms: number): Promise<number> {
  const before = timesOf(core);
  await delay(ms);
  const after = timesOf(core);
  const total = sum(after) - sum(before);
  const idle = [3, 4].reduce((time, i) => time + (after[i] ?? 0) - (before[i] ?? 0), 0);
  return 1 - idle / total;
}

/** In /sys, as ip-netns(8) mounts it for what it runs. */
async function steer(namespace: string, core: number): Promise<void> {
  const script = `for f in /sys/class/net/*/queues/rx-*/rps_cpus; do echo ${(1 << core).toString(16)} >$f; done`;
  await mustRun(['ip', 'netns', 'exec', namespace, 'sh', '-c', script]);
}

function timesOf(core: number): readonly number[] {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '';
  // Those of guests are counted among those of users, too.
  return line.split(' ').map(Number).slice(0, 8);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
