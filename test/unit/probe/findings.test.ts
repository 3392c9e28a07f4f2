/** What the prober's lines say of an outage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../probe/findings.ts';
import type { Told } from '../../probe/told.ts';

const [a, b] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'];
const span = { from: 1_000, to: 3_000 };

/** An attempt and a question every 20 ms for three seconds, as `how` makes them. */
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

test('in peace there is no gap, one host and no failure', () => {
  const found = findingsOf(
    told(() => ({})),
    span,
  );
  assert.deepEqual(
    { ...found, seconds: found.seconds.length },
    {
      outageMs: 20,
      arpGapMs: 20,
      twoMacsMs: 0,
      macs: [a],
      seconds: 2,
      total: { attempts: 100, failed: 0, slow: 0 },
      outcomes: {},
      absentMs: 0,
    },
  );
});

test('an outage lasts from the last good attempt to the next one; a slow one is not good', () => {
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

test('what does not end is an outage to the end of the span', () => {
  const found = findingsOf(
    told((at) => (at < 2_000 ? {} : { outcome: 'timeout', macs: [] })),
    span,
  );
  assert.equal(found.outageMs, 2_960 - 1_980);
  assert.equal(found.arpGapMs, 2_960 - 1_980);
});

test('two hosts that answer at the same time are no two moves', () => {
  const both = (at: number) => at >= 2_000 && at < 2_100;
  const found = findingsOf(
    told((at) => ({ macs: both(at) ? [b, a] : at < 2_000 ? [a] : [b] })),
    span,
  );
  assert.equal(found.twoMacsMs, 100);
  assert.deepEqual(found.macs, [a, b]);
});
