/**
 * Random faults in random clusters, then everything is healed. BERTH_SIM_RUNS says how many runs, BERTH_SIM_SEED the first seed: with
 * one run a failure is repeated.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Outcome, randomRun } from './random-run.ts';

const runs = Number(process.env.BERTH_SIM_RUNS ?? 300);
const firstSeed = Number(process.env.BERTH_SIM_SEED ?? 1);

/** The longest that a VIP may go without an answer after the heal, and with two. */
const mostSilentMs = 2_000;
const mostTwofoldMs = 500;

function complaintsOf({ unsettled, silentMs, twofoldMs }: Outcome): readonly string[] {
  return [
    ...unsettled.map((uid) => `${uid} has not settled`),
    ...(silentMs > mostSilentMs ? [`silent for ${Math.round(silentMs)} ms after the heal`] : []),
    ...(twofoldMs > mostTwofoldMs ? [`two answers for ${Math.round(twofoldMs)} ms after the heal`] : []),
  ];
}

function report(t: TestContext, what: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  t.diagnostic(`${what}: median ${at(0.5)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}, most ${at(1)} ms`);
}

test('after random faults every VIP has one answer again, soon, and all agree on who gives it', (t) => {
  const outcomes: Outcome[] = [];
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const outcome = randomRun(seed);
    outcomes.push(outcome);
    const complaints = complaintsOf(outcome);
    assert.deepEqual(complaints, [], `seed ${seed}: ${outcome.plan}\n  ${outcome.log.join('\n  ')}`);
  }
  t.diagnostic(`${runs} runs from seed ${firstSeed}, after the heal, the worst VIP of each run:`);
  report(
    t,
    'no answer',
    outcomes.map(({ silentMs }) => silentMs),
  );
  report(
    t,
    'two answers',
    outcomes.map(({ twofoldMs }) => twofoldMs),
  );
});
