/** A pass that failed is made again although nothing has changed, and not at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Loop } from '../../../src/runtime/loop.ts';
import { eventually } from '../../lab/poll.ts';

test('a failed pass is made again after a pause, without a trigger', async (t) => {
  const begun: number[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  const loop = new Loop({
    log: createLogger('test', 'silent'),
    // Longer than any patience: what comes before is no regular look.
    resyncMs: 3_600_000,
    pass: async () => {
      begun.push(performance.now());
      if (begun.length === 1) throw new Error('refused');
    },
  });
  const running = loop.run(stop.signal);
  await eventually('a second pass', () => begun.length === 2, { timeoutMs: 10_000, everyMs: 20 });
  const [first = 0, second = 0] = begun;
  assert.ok(second - first >= 490, `after ${second - first} ms`);
  stop.abort();
  await running;
});
