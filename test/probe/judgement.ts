/** What a measured silence is held against, on a machine that has other work to do. */
import type { TestContext } from 'node:test';
import type { Findings } from './findings.ts';

/** An answer came later than was promised: the one failure that the machine alone can cause. */
export class Late extends Error {}

/** The prober's timers may be so late in all without anything being missed. */
const absentMs = 120;

/** Somebody has answered all the time, but for so long at most. Time in which the machine ran no process that had work to do does not count. */
export function answeredWithin(mostMs: number, found: Findings): void {
  if (found.absentMs > absentMs) throw new Late(`the prober itself did not run for ${found.absentMs.toFixed()} ms`);
  const { arpGapMs, arpStalledMs } = found;
  if (arpGapMs - arpStalledMs <= mostMs) return;
  throw new Late(
    `no answer for ${arpGapMs.toFixed()} ms, of which the machine stood still for ${arpStalledMs.toFixed()}: promised are ${mostMs}`,
  );
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
