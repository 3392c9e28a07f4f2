/**
 * The loop: triggers are merged, one pass runs at a time, a failed pass is retried, and the loop
 * ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../src/runtime/backoff.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Loop } from '../../../src/runtime/loop.ts';
import { inParallel } from '../../../src/runtime/parallel.ts';

const log = createLogger('test', 'silent');

/**
 * Ends a loop. After ten seconds it ends by itself, so that a loop that never gets so far fails its
 * test and does not hang the run.
 */
function stopInTime(): AbortController {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 10_000).unref();
  return stop;
}

test('triggers during a pass lead to one more pass, and never two at once', async () => {
  const stop = stopInTime();
  let running = 0;
  let most = 0;
  let passes = 0;
  const loop = new Loop({
    log,
    resyncMs: 60_000,
    pass: async () => {
      most = Math.max(most, ++running);
      passes++;
      if (passes === 1) for (let i = 0; i < 100; i++) loop.trigger();
      await new Promise(setImmediate);
      running--;
      if (passes === 2) setImmediate(() => stop.abort());
    },
  });
  await loop.run(stop.signal);
  assert.deepEqual({ passes, most }, { passes: 2, most: 1 });
});

test('a failed pass runs again without a trigger', async () => {
  const stop = stopInTime();
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

test('an idle loop runs again after the resync time', async () => {
  const stop = stopInTime();
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

test('a pass that is requested for later runs then, also after an earlier one; requests for one moment are one pass', async (t) => {
  const stop = stopInTime();
  const at: number[] = [];
  const begin = performance.now();
  const wish = (loop: Loop) => {
    // Moments are 50 ms long, and the clock is at the start of one.
    const now = Math.floor(performance.now() / 50) * 50;
    const clock = t.mock.method(performance, 'now', () => now);
    for (const ms of [298, 299, 300, 100]) loop.triggerIn(ms);
    clock.mock.restore();
  };
  const loop = new Loop({
    log,
    resyncMs: 60_000,
    pass: async () => {
      at.push(performance.now() - begin);
      if (at.length === 1) wish(loop);
      if (at.length === 3) setTimeout(() => stop.abort(), 150);
    },
  });
  await loop.run(stop.signal);
  assert.equal(at.length, 3, `passes after ${at.map(Math.round).join(', ')} ms`);
  assert.ok((at[1] ?? 0) >= 99 && (at[2] ?? 0) >= 299, `passes after ${at.map(Math.round).join(', ')} ms`);
});

test('a pass that is requested for a time beyond any timer does not run at once', async () => {
  const stop = stopInTime();
  let passes = 0;
  const loop = new Loop({
    log,
    resyncMs: 60_000,
    pass: async () => {
      if (++passes === 1) loop.triggerIn(2 ** 40);
      setTimeout(() => stop.abort(), 100);
    },
  });
  await loop.run(stop.signal);
  assert.equal(passes, 1);
});

test('many effects run within the limit, all of them, and failures are collected', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const effect = async (item: number) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    if (item % 3 === 0) throw new Error(`no ${item}`);
    done.push(item);
  };
  const { signal } = new AbortController();
  const failures = await inParallel([1, 2, 3, 4, 5, 6, 7], effect, { limit: 3, signal });
  assert.equal(most, 3);
  assert.deepEqual(done.sort(), [1, 2, 4, 5, 7]);
  assert.deepEqual(failures.map(({ item }) => item).sort(), [3, 6]);
});

test('after the signal to stop, no further effect starts', async () => {
  const stop = new AbortController();
  const done: number[] = [];
  const effect = async (item: number) => {
    done.push(item);
    if (item === 2) stop.abort();
  };
  await inParallel([1, 2, 3, 4], effect, { limit: 1, signal: stop.signal });
  assert.deepEqual(done, [1, 2]);
});

test('a failed item waits twice as long each time, and no other item waits', () => {
  const backoff = new Backoff();
  assert.equal(backoff.isDue('a'), true);
  assert.deepEqual(
    [1, 2, 3].map(() => backoff.failed('a')),
    [500, 1000, 2000],
  );
  assert.equal(backoff.isDue('a'), false);
  assert.equal(backoff.isDue('b'), true);
  backoff.forget('a');
  assert.equal(backoff.isDue('a'), true);
  for (let i = 0; i < 20; i++) backoff.failed('c');
  assert.equal(backoff.failed('c'), 60_000);
  backoff.keepOnly((key) => key !== 'c');
  assert.equal(backoff.isDue('c'), true);
});
