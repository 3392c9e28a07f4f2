/** A failed item is retried at growing intervals, each item by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../src/runtime/backoff.ts';

test('each failure in a row doubles the wait, from half a second up to a minute', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 9 }, () => backoff.failed('a'));
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(backoff.failed('b'), 500, 'another item has its own wait');
});

test('the first failures in a row may be free', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 5 }, () => backoff.failed('a', 3));
  assert.deepEqual(waits, [0, 0, 0, 500, 1_000]);
  assert.equal(backoff.failures('a'), 5);
});

test('an item is due once its wait is over, and at once after a success', (t) => {
  let now = 10_000;
  t.mock.method(performance, 'now', () => now);
  const backoff = new Backoff();
  assert.ok(backoff.isDue('a'));
  backoff.failed('a');
  assert.ok(!backoff.isDue('a'));
  assert.ok(backoff.isDue('b'));
  now += 499;
  assert.ok(!backoff.isDue('a'));
  now += 1;
  assert.ok(backoff.isDue('a'));
  backoff.failed('a');
  backoff.forget('a');
  assert.ok(backoff.isDue('a'));
  assert.equal(backoff.failed('a'), 500);
});

test('failures of items that are gone are forgotten', () => {
  const backoff = new Backoff();
  for (const key of ['stays', 'goes']) backoff.failed(key);
  backoff.keepOnly((key) => key === 'stays');
  assert.deepEqual([backoff.failed('stays'), backoff.failed('goes')], [1_000, 500]);
});
