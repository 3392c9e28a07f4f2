/** The findings about an outage, from the prober's lines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../probe/findings.ts';
import { answeredWithin, atMostTwice, Late } from '../../probe/judgement.ts';
import type { Told } from '../../probe/told.ts';

const [a, b] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'];
const span = { from: 1_000, to: 3_000 };

/**
 * One connection attempt and one ARP request every 20 ms for three seconds, with the results that
 * `how` gives.
 */
function told(how: (at: number) => { readonly outcome?: string; readonly ms?: number; readonly macs?: string[] }) {
  return Array.from({ length: 150 }, (_, number): Told[] => {
    const at = number * 20;
    const { outcome = 'ok', ms = 1, macs = [a] } = how(at);
    return [
      { kind: 'attempt', number, at, ms, outcome },
      { kind: 'question', at, macs },
    ];
  }).flat();
}

test('without an outage there is no gap, one host and no failure', () => {
  const found = findingsOf(
    told(() => ({})),
    span,
  );
  assert.deepEqual(
    { ...found, seconds: found.seconds.length },
    {
      outageMs: 20,
      arpGapMs: 20,
      arpStalls: [],
      twoMacsMs: 0,
      macs: [a],
      seconds: 2,
      total: { attempts: 100, failed: 0, slow: 0 },
      outcomes: {},
      absentMs: 0,
    },
  );
});

test('an outage lasts from the last good attempt to the next one, and a slow attempt is not good', () => {
  const dead = (at: number) => at >= 1_000 && at < 1_400;
  const found = findingsOf(
    told((at) => ({
      macs: dead(at) ? [] : at < 1_000 ? [a] : [b],
      ...(dead(at) ? { outcome: at < 1_200 ? 'timeout' : 'ok', ms: 1_001 } : {}),
    })),
    span,
  );
  assert.equal(found.outageMs, 1_400 - 980);
  assert.equal(found.arpGapMs, 1_400 - 980);
  assert.deepEqual(found.macs, [a, b]);
  assert.deepEqual(found.total, { attempts: 100, failed: 10, slow: 10 });
  assert.deepEqual(found.seconds[1], { attempts: 50, failed: 0, slow: 0 });
  assert.deepEqual(found.outcomes, { timeout: 10 });
});

test('an outage that does not end lasts to the end of the span', () => {
  const found = findingsOf(
    told((at) => (at < 2_000 ? {} : { outcome: 'timeout', macs: [] })),
    span,
  );
  assert.equal(found.outageMs, 2_960 - 1_980);
  assert.equal(found.arpGapMs, 2_960 - 1_980);
});

test('two hosts that answer at the same time are not counted as two moves', () => {
  const both = (at: number) => at >= 2_000 && at < 2_100;
  const found = findingsOf(
    told((at) => ({ macs: both(at) ? [b, a] : at < 2_000 ? [a] : [b] })),
    span,
  );
  assert.equal(found.twoMacsMs, 100);
  assert.deepEqual(found.macs, [a, b]);
});

test('the findings show when the machine stalled during a silence', () => {
  const dead = (at: number) => at >= 1_000 && at < 1_400;
  const stall = (at: number, ms: number): Told => ({ kind: 'stall', at, ms });
  const lines = told((at) => (dead(at) ? { macs: [] } : {}));
  const found = (...stalls: readonly Told[]) => findingsOf([...lines, ...stalls], span).arpStalls;
  assert.deepEqual(found(), []);
  // The silence is from 980 to 1,400. A stall over its edges counts for the part within.
  assert.deepEqual(found(stall(900, 100), stall(1_100, 50), stall(1_390, 100)), [
    { from: 0, to: 20 },
    { from: 120, to: 170 },
    { from: 410, to: 420 },
  ]);
  assert.deepEqual(found(stall(500, 100), stall(2_000, 100)), []);
});

test('a silence longer than promised is late; the time that the machine stood still is subtracted', () => {
  const dead = (at: number) => at >= 1_000 && at < 1_600;
  const lines = told((at) => (dead(at) ? { macs: [] } : {}));
  const judge = (more: readonly Told[], awaitedMs: number) => () =>
    answeredWithin({ mostMs: 500, awaitedMs }, findingsOf([...lines, ...more], span));
  assert.throws(judge([], 0), /no answer for 620 ms, in which the machine cost 0: promised are 500/);
  const stalled: Told = { kind: 'stall', at: 1_200, ms: 120 };
  assert.doesNotThrow(judge([stalled], 0));
  // Of the stall (from 220 to 340 ms after the start), only the part after the wait of 300 ms counts:
  // a stall does not delay a wait by the clock.
  assert.throws(judge([stalled], 300), /the machine cost 40/);
  const absent: Told = { kind: 'absence', at: 1_200, ms: 300 };
  assert.throws(judge([stalled, absent], 0), /the prober itself did not run/);
});

test('a scenario that is late runs once more, and any other failure is final', async (t) => {
  const runs = async (...errors: readonly (Error | undefined)[]) => {
    let run = 0;
    const scenario = async () => {
      const error = errors[run++];
      if (error) throw error;
    };
    const failure = await atMostTwice(t, scenario).then(
      () => undefined,
      (error: Error) => error.message,
    );
    return [run, failure];
  };
  assert.deepEqual(await runs(undefined), [1, undefined]);
  assert.deepEqual(await runs(new Late('slow'), undefined), [2, undefined]);
  assert.deepEqual(await runs(new Late('slow'), new Late('still')), [2, 'still']);
  assert.deepEqual(await runs(new Error('two holders'), undefined), [1, 'two holders']);
});
