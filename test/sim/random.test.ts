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

/** What is promised while faults last, by the kinds of faults that are among them. The first row that fits counts. */
const meanwhile: readonly { readonly unless: (has: Has) => boolean; readonly mostTwofoldMs: number }[] = [
  // All speakers hear each other, or know that a cable is out: the time in which one that starts hears the others out.
  { unless: (has) => has('dark', 'weather', 'block', 'part', 'oneWay'), mostTwofoldMs: 1_000 },
  // They hear each other at last, or the wire says who lives.
  { unless: (has) => has('oneWay') || (has('block') && has('pause')), mostTwofoldMs: 5_000 },
  // What is not heard by one side only, and a sleep behind a firewall: nothing is promised, as the list of expected failures says.
  { unless: () => false, mostTwofoldMs: Number.POSITIVE_INFINITY },
];
type Has = (...names: readonly FaultName[]) => boolean;

/** Of these none silences a VIP that is answered for: every holder lives, and the wire shows it. */
const harmless: ReadonlySet<FaultName> = new Set([
  'apiDown',
  'halfOpen',
  'block',
  'weather',
  'newVip',
  'eligible',
  'drain',
]);

function complaintsOf({ unsettled, silentMs, twofoldMs, faults, meanwhile: before }: Outcome): readonly string[] {
  const has: Has = (...names) => names.some((name) => faults.has(name));
  const most = meanwhile.find(({ unless }) => !unless(has))?.mostTwofoldMs ?? 0;
  const isHarmless = [...faults].every((name) => harmless.has(name));
  return [
    ...unsettled.map((uid) => `${uid} has not settled`),
    ...(silentMs > mostSilentMs ? [`silent for ${Math.round(silentMs)} ms after the heal`] : []),
    ...(twofoldMs > mostTwofoldMs ? [`two answers for ${Math.round(twofoldMs)} ms after the heal`] : []),
    ...(before.twofoldMs > most ? [`two answers for ${Math.round(before.twofoldMs)} ms during the faults`] : []),
    ...(isHarmless && before.silentMs > 0 ? [`silent for ${Math.round(before.silentMs)} ms by harmless faults`] : []),
  ];
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
