/** However many readers ask, the reading takes a small part of the time. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { SharedReading } from '../../../src/runtime/shared-reading.ts';

/** A clock that stands still until it is told the time. */
function clockOf(t: { after(end: () => void): void }): (ms: number) => void {
  let now = 0;
  const clock = mock.method(performance, 'now', () => now);
  t.after(() => clock.mock.restore());
  return (ms) => (now = ms);
}

test('readers within the pause share one reading, also while it runs', async (t) => {
  const setTime = clockOf(t);
  const first = Promise.withResolvers<number>();
  const results = [first.promise, Promise.resolve(8)];
  let readings = 0;
  const shared = new SharedReading(() => results[readings++] ?? assert.fail('read too often'), 1_000);
  setTime(1);
  const shares = [shared.get(), shared.get()];
  first.resolve(7);
  assert.deepEqual(await Promise.all(shares), [7, 7]);
  setTime(1_000);
  assert.equal(await shared.get(), 7);
  assert.equal(readings, 1);
  setTime(1_001);
  assert.equal(await shared.get(), 8);
});

test('a reading that takes long is repeated seldom', async (t) => {
  const setTime = clockOf(t);
  let readings = 0;
  const read = async () => setTime(++readings === 1 ? 300 : 10_000);
  const shared = new SharedReading(read, 1_000);
  await shared.get();
  setTime(6_299);
  await shared.get();
  assert.equal(readings, 1);
  setTime(6_300);
  await shared.get();
  assert.equal(readings, 2);
});

test('a reading that fails is not repeated more often', async (t) => {
  const setTime = clockOf(t);
  let readings = 0;
  const shared = new SharedReading(async () => {
    readings++;
    throw new Error('no');
  }, 1_000);
  for (const ms of [0, 10, 999]) {
    setTime(ms);
    await assert.rejects(shared.get(), /no/);
  }
  assert.equal(readings, 1);
});
