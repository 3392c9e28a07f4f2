/** Pods that claim all VIPs on every node, and what this costs the speakers. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ip } from '../../src/addr/ip.ts';
import { processesOf } from '../cluster/node-process.ts';
import { type Conditioned, conditionIn, type Entry } from '../cluster/objects.ts';
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { another } from '../probe/backend.ts';
import type { Flood } from './flood-process.ts';
import { startInPod } from './in-pod.ts';
import { cpuDuring, holdersOf, movesBetween, percentText } from './speakers.ts';

/** The Services besides the probed one. Each has an address of each family. */
const others = 10;
/** For how long the speakers are measured, without the flood and with it. */
const measuredMs = 20_000;
/** The reasons of Events that a claim of a Pod must not cause. */
const falseAlarms = 'AddressTaken,AddressConflict,ForeignClaim,AnnouncedByOtherProgram,ProxyArp'.split(',');

/** Creates Services whose VIPs are claimed, too, and waits until they are announced. */
export async function serveOthers(lab: Lab, backends: string): Promise<void> {
  const names = Array.from({ length: others }, (_, i) => `flooded-${i}`);
  const dual = (text: string) => text.replace('spec:\n', 'spec:\n  ipFamilyPolicy: RequireDualStack\n');
  await lab.apply(names.map((name) => dual(another(name, backends))).join('---'));
  for (const name of names) {
    const condition = async () => conditionIn(await lab.api.get<Conditioned>('services', name), 'berth.dev/Announced');
    await eventually(`${name} is announced`, async () => (await condition())?.status === 'True');
  }
}

/** A flood that goes on. */
export interface Flooding {
  /** Ends it, prints what it did, and throws if it was slower than wanted. */
  end(): Promise<void>;
}

/**
 * Measures the speakers without a flood, lets a Pod of every node claim all VIPs, and measures them again. `pods` matches the command lines
 * of the Pods.
 */
export async function flood(lab: Lab, pods: string, framesPerSecond: number): Promise<Flooding> {
  const entries = await lab.api.list<Entry & { readonly spec: { readonly address: Ip } }>('ipallocations');
  const vips = entries.map(({ spec }) => spec.address);
  const quiet = await cpuDuring(lab, () => delay(measuredMs));
  // The most harmful claims come in the name of the nodes.
  const what: Flood = { vips, macs: lab.nodes.map(({ mac }) => mac), framesPerSecond };
  const flooders = await Promise.all(lab.nodes.map((node) => Flooder.start(node, pods, what)));
  const before = await holdersOf(lab);
  const flooded = await cpuDuring(lab, () => delay(measuredMs));
  const after = await holdersOf(lab);
  console.log(
    `flood: ${framesPerSecond} frames/s from a Pod of each of ${lab.nodes.length} nodes for ${vips.length} VIPs`,
  );
  console.log(`speaker CPU, % of a core: ${percentText(quiet)} without the flood, ${percentText(flooded)} with it`);
  console.log(`VIPs that moved in ${measuredMs / 1_000} s: ${movesBetween(before, after)}`);
  return {
    end: async () => {
      console.log(`false alarms: ${(await alarmsOf(lab)).join(', ') || 'none'}`);
      const rates = flooders.map((flooder) => flooder.end());
      console.log(`frames/s that were sent: ${rates.map((rate) => rate.toFixed(0)).join(', ')}`);
      if (rates.some((rate) => rate < 0.9 * framesPerSecond)) throw new Error('the flood was slower than wanted');
    },
  };
}

class Flooder {
  readonly #child: ChildProcess;
  readonly #begin = performance.now();
  #sent = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (text) => {
      this.#sent = Number(/sent (\d+)\n$/.exec(String(text))?.[1] ?? this.#sent);
    });
  }

  static async start(node: LabHost, pods: string, what: Flood): Promise<Flooder> {
    const [pid] = await processesOf(node, pods);
    if (pid === undefined) throw new Error(`no Pod on ${node.name}`);
    return new Flooder(await startInPod(node, pid, ['flood-process.ts', JSON.stringify(what)]));
  }

  /** Ends the flood. Returns how many frames a second it sent. */
  end(): number {
    this.#child.kill('SIGKILL');
    return (this.#sent / (performance.now() - this.#begin)) * 1_000;
  }
}

/** The conflicts that are reported now, and the Events of conflicts in the last hour. */
async function alarmsOf(lab: Lab): Promise<readonly string[]> {
  const entries = await lab.api.list<Entry>('ipallocations');
  const conflicts = entries.flatMap((entry) => {
    const conflict = conditionIn(entry, 'Conflict');
    return conflict?.status === 'True' ? [`${entry.metadata.name} ${conflict.reason}`] : [];
  });
  const events = await lab.api.list<{ readonly reason: string; readonly message: string }>('events');
  const alarms = events.filter(({ reason }) => falseAlarms.includes(reason));
  return [...conflicts, ...alarms.map(({ reason, message }) => `${reason}: ${message}`)];
}
