/**
 * Many effects at once: within a limit, no failure stops another effect, and none starts after the
 * end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inParallel } from '../../../src/runtime/parallel.ts';

const items = [1, 2, 3, 4, 5, 6, 7];

test('no more effects run at once than the limit allows, and all of them run', async () => {
  let [running, most] = [0, 0];
  const done: number[] = [];
  const effect = async (item: number) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    done.push(item);
  };
  const failures = await inParallel(items, effect, { limit: 3, signal: new AbortController().signal });
  assert.deepEqual([most, failures, done.sort()], [3, [], items]);
});

test('a failure stops no other effect, and is returned with its item', async () => {
  const done: number[] = [];
  const effect = async (item: number) => {
    if (item % 2 === 0) throw new Error(`no ${item}`);
    done.push(item);
  };
  const failures = await inParallel(items, effect, { limit: 2, signal: new AbortController().signal });
  assert.deepEqual(done, [1, 3, 5, 7]);
  assert.deepEqual(
    failures.map(({ item, error }) => [item, (error as Error).message]),
    [2, 4, 6].map((item) => [item, `no ${item}`]),
  );
});

test('no effect starts after the signal aborts', async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const effect = async (item: number) => {
    begun.push(item);
    await turn();
    if (item === 2) stop.abort();
  };
  await inParallel(items, effect, { limit: 1, signal: stop.signal });
  assert.deepEqual(begun, [1, 2]);
});
