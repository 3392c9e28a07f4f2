/**
 * Random faults in random clusters, and what they may cost while they last; then everything is healed. BERTH_SIM_RUNS says how many runs,
 * BERTH_SEED the first seed, which CI takes from the commit; BERTH_SIM_SEED is another one: with one run a failure is repeated.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { seed as seedOfRun } from '../runner/seed.ts';
import type { FaultName } from './faults.ts';
import { type Outcome, randomRun } from './random-run.ts';

const runs = Number(process.env.BERTH_SIM_RUNS ?? 300);
const firstSeed = Number(process.env.BERTH_SIM_SEED ?? seedOfRun());

/** The longest that a VIP may go without an answer after the heal, and with two. */
const mostSilentMs = 2_000;
const mostTwofoldMs = 500;

/** What silences no VIP that is answered for: every holder lives, and the wire shows it. */
const harmless: readonly FaultName[] = ['apiDown', 'halfOpen', 'block', 'weather', 'newVip', 'eligible', 'drain'];
/** What leaves the speakers in touch: all that run hear each other, or know that a cable is out. */
const inTouch: readonly FaultName[] = [
  ...(['apiDown', 'halfOpen', 'newVip', 'eligible', 'drain'] as const),
  ...(['kill', 'restart', 'pause', 'stuck', 'cut'] as const),
];
/** And what parts them, both sides alike. */
const apart: readonly FaultName[] = [...inTouch, 'dark', 'part', 'weather'];

/**
 * How long a VIP may have two answers while faults last. Of what is not named here nothing is promised: of one-way loss, and of a blocked port
 * and a node that is forgotten while speakers start. The list of expected failures says why.
 */
function mostMeanwhile({ faults, wasSettled }: Outcome): number {
  const isAll = (names: readonly FaultName[]) => [...faults].every((name) => names.includes(name));
  if (isAll(inTouch) || (wasSettled && isAll(harmless))) return 1_000;
  return isAll(apart) ? 2_000 : Number.POSITIVE_INFINITY;
}

function complaintsOf(outcome: Outcome): readonly string[] {
  const { unsettled, silentMs, twofoldMs, faults, meanwhile } = outcome;
  const isHarmless = [...faults].every((name) => harmless.includes(name));
  return [
    ...unsettled.map((uid) => `${uid} has not settled`),
    ...tooLong('silent after the heal', silentMs, mostSilentMs),
    ...tooLong('two answers after the heal', twofoldMs, mostTwofoldMs),
    ...tooLong('two answers during the faults', meanwhile.twofoldMs, mostMeanwhile(outcome)),
    ...tooLong('silent by harmless faults', meanwhile.silentMs, isHarmless ? 0 : Number.POSITIVE_INFINITY),
  ];
}

function tooLong(what: string, ms: number, most: number): readonly string[] {
  return ms > most ? [`${what}: ${Math.round(ms)} ms, at most ${most}`] : [];
}

function report(t: TestContext, what: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  t.diagnostic(`${what}: median ${at(0.5)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}, most ${at(1)} ms`);
}

test('random faults cost what is promised, and after them every VIP soon has one answer, and all agree on who gives it', (t) => {
  t.diagnostic(`${runs} runs from seed ${firstSeed}, the worst VIP of each run:`);
  const outcomes: Outcome[] = [];
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const outcome = randomRun(seed);
    outcomes.push(outcome);
    const complaints = complaintsOf(outcome);
    assert.deepEqual(complaints, [], `seed ${seed}: ${outcome.plan}\n  ${outcome.log.join('\n  ')}`);
  }
  const all = (pick: (outcome: Outcome) => number) => outcomes.map(pick);
  report(
    t,
    'two answers during the faults',
    all(({ meanwhile: { twofoldMs } }) => twofoldMs),
  );
  report(
    t,
    'no answer after the heal',
    all(({ silentMs }) => silentMs),
  );
  report(
    t,
    'two answers after the heal',
    all(({ twofoldMs }) => twofoldMs),
  );
});
