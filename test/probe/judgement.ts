/** What a measured silence is held against, on a machine that has other work to do. */
import type { TestContext } from 'node:test';
import type { Findings } from './findings.ts';

/** An answer came later than was promised: the one failure that the machine alone can cause. */
export class Late extends Error {}

/** The prober's timers may be so late in all without anything being missed. */
const absentMs = 120;

/** How long an answer may be missing. */
export interface Promised {
  readonly mostMs: number;
  /** So much of it is waiting by the clock: a machine that stands still meanwhile delays nothing. */
  readonly awaitedMs: number;
}

/** There was an answer all the time, but for so long at most. Time in which the machine ran no process that had work to do does not count. */
export function answeredWithin({ mostMs, awaitedMs }: Promised, found: Findings): void {
  if (found.absentMs > absentMs) throw new Late(`the prober itself did not run for ${found.absentMs.toFixed()} ms`);
  const { arpGapMs, arpStalls } = found;
  const stalledMs = arpStalls.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, awaitedMs)), 0);
  if (arpGapMs - stalledMs <= mostMs) return;
  const facts = `no answer for ${arpGapMs.toFixed()} ms, in which the machine cost ${stalledMs.toFixed()}`;
  throw new Late(`${facts}: promised are ${mostMs}`);
}

/** Runs a scenario, and once more where an answer came late: it says why. Whatever else is wrong fails at once. */
export async function atMostTwice(t: TestContext, scenario: () => Promise<void>): Promise<void> {
  try {
    await scenario();
  } catch (error) {
    if (!(error instanceof Late)) throw error;
    t.diagnostic(`once more: ${error.message}`);
    await scenario();
  }
}
