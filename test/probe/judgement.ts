/** Compares a measured silence with a promise, on a machine that also does other work. */
import type { TestContext } from 'node:test';
import type { Findings } from './findings.ts';

/** An answer came later than promised. This is the only failure that a busy machine alone can cause. */
export class Late extends Error {}

/** The prober's timers may be this late, and it still misses nothing. */
const absentMs = 120;

/** For how long an answer may be missing. */
export interface Promised {
  readonly mostMs: number;
  /** The part of it in which the program only waits for a time to pass. If the machine stalls in that part, nothing is delayed. */
  readonly awaitedMs: number;
}

/**
 * Checks that answers were missing for at most the promised time. Time in which the machine made a process with work
 * to do wait does not count.
 */
export function answeredWithin({ mostMs, awaitedMs }: Promised, found: Findings): void {
  if (found.absentMs > absentMs) throw new Late(`the prober itself did not run for ${found.absentMs.toFixed()} ms`);
  const { arpGapMs, arpStalls } = found;
  const stalledMs = arpStalls.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, awaitedMs)), 0);
  if (arpGapMs - stalledMs <= mostMs) return;
  const facts = `no answer for ${arpGapMs.toFixed()} ms, in which the machine cost ${stalledMs.toFixed()}`;
  throw new Late(`${facts}: promised are ${mostMs}`);
}

/** Runs a scenario. If an answer came late, logs why and runs it a second time. Every other failure is final. */
export async function atMostTwice(t: TestContext, scenario: () => Promise<void>): Promise<void> {
  try {
    await scenario();
  } catch (error) {
    if (!(error instanceof Late)) throw error;
    t.diagnostic(`second run of the scenario: ${error.message}`);
    await scenario();
  }
}
