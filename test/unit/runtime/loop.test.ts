/** The loop: coalescing, one pass at a time, retry, end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Loop } from '../../../src/runtime/loop.ts';
import { inParallel } from '../../../src/runtime/parallel.ts';

const log = createLogger('test', 'silent');

test('triggers during a pass lead to one more pass, and never two at once', async () => {
  const stop = new AbortController();
  let running = 0;
  let passes = 0;
  const loop = new Loop({
    log,
    resyncMs: 60_000,
    pass: async () => {
      assert.equal(++running, 1);
      passes++;
      if (passes === 1) for (let i = 0; i < 100; i++) loop.trigger();
      await new Promise(setImmediate);
      running--;
      if (passes === 2) setImmediate(() => stop.abort());
    },
  });
  await loop.run(stop.signal);
  assert.equal(passes, 2);
});

test('a pass that failed runs again without a trigger', async () => {
  const stop = new AbortController();
  let passes = 0;
  const loop = new Loop({
    log,
    resyncMs: 60_000,
    pass: async () => {
      if (++passes === 1) throw new Error('once');
      stop.abort();
    },
  });
  await loop.run(stop.signal);
  assert.equal(passes, 2);
});

test('a quiet loop runs again after the resync time', async () => {
  const stop = new AbortController();
  let passes = 0;
  const loop = new Loop({
    log,
    resyncMs: 5,
    pass: async () => {
      if (++passes === 3) stop.abort();
    },
  });
  await loop.run(stop.signal);
  assert.equal(passes, 3);
});

test('many effects: within the bound, all of them, failures collected', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const failures = await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    if (item % 3 === 0) throw new Error(`no ${item}`);
    done.push(item);
  });
  assert.equal(most, 3);
  assert.deepEqual(done.sort(), [1, 2, 4, 5, 7]);
  assert.deepEqual(failures.map(({ item }) => item).sort(), [3, 6]);
});
