/** What the speakers of a cluster use, and which VIPs they hold. */
import { cpuMsOf } from '../cluster/node-process.ts';
import type { Entry } from '../cluster/objects.ts';
import { speakerOf } from '../cluster/speaker-process.ts';
import type { Lab } from '../lab/cluster.ts';

/** The CPU time of a speaker within a time. */
export interface Spent {
  readonly cpuMs: number;
  readonly elapsedMs: number;
}

/** The share of a core, from 0 on. */
export const rateOf = ({ cpuMs, elapsedMs }: Spent) => cpuMs / elapsedMs;

/** Formats the shares of a core of all speakers, in percent. */
export function percentText(spent: readonly Spent[]): string {
  return spent.map((one) => (100 * rateOf(one)).toFixed(1)).join(', ');
}

/** What each speaker uses while something happens. */
export async function cpuDuring({ nodes }: Lab, act: () => Promise<unknown>): Promise<readonly Spent[]> {
  const pids = await Promise.all(nodes.map(speakerOf));
  const read = () => Promise.all(nodes.map((node, i) => cpuMsOf(node, pids[i] ?? '')));
  const [begin, before] = [performance.now(), await read()];
  await act();
  const after = await read();
  const elapsedMs = performance.now() - begin;
  return after.map((ms, i) => ({ cpuMs: ms - (before[i] ?? 0), elapsedMs }));
}

/** The recorded holder of each VIP. */
export type Holders = ReadonlyMap<string, string | undefined>;

/** Reads the recorded holders. */
export async function holdersOf(lab: Lab): Promise<Holders> {
  const entries = await lab.api.list<Entry>('ipallocations');
  return new Map(entries.map(({ metadata, status }) => [metadata.name, status?.holder?.node]));
}

/** The number of VIPs that have another holder now. */
export function movesBetween(before: Holders, after: Holders): number {
  return [...before].filter(([vip, node]) => after.get(vip) !== node).length;
}
