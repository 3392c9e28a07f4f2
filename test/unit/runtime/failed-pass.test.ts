/** A failed pass runs again although nothing has changed, but not at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Loop } from '../../../src/runtime/loop.ts';
import { eventually } from '../../lab/poll.ts';

test('a failed pass runs again after a pause, without a trigger', async (t) => {
  const begun: number[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  const loop = new Loop({
    log: createLogger('test', 'silent'),
    // Longer than the test waits: an earlier pass is no regular resync.
    resyncMs: 3_600_000,
    pass: async () => {
      begun.push(performance.now());
      if (begun.length === 1) throw new Error('refused');
    },
  });
  const running = loop.run(stop.signal);
  await eventually('the second pass starts', () => begun.length === 2, { timeoutMs: 10_000, everyMs: 20 });
  const [first = 0, second = 0] = begun;
  assert.ok(second - first >= 490, `after ${second - first} ms`);
  stop.abort();
  await running;
});
