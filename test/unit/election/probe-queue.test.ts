/** The VIPs that are probed take turns, so that thousands of them cost no more than a hundred. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeQueue } from '../../../src/election/probe-queue.ts';

/** A queue with this many VIPs that concern no certain node. */
function queueOf(count: number, isHeld: boolean): ProbeQueue {
  const queue = new ProbeQueue();
  for (let i = 0; i < count; i++) queue.set(`u${i}`, { node: undefined, isHeld });
  return queue;
}

test('of ten thousand VIPs at most a hundred are probed at a time, and each has its turn within a minute', () => {
  const queue = queueOf(10_000, true);
  const seen = new Set<string>();
  for (let now = 0; now < 60_000; now += 50) {
    const due = [...queue.take(now)];
    assert.ok(due.length <= 100, `${due.length}`);
    for (const uid of due) seen.add(uid);
  }
  assert.equal(seen.size, 10_000);
});

test('a VIP that this node would take over is probed for long enough to prove a silence', () => {
  const queue = queueOf(500, false);
  const first = new Set(queue.take(0));
  for (let now = 50; now < 1_500; now += 50) assert.deepEqual(new Set(queue.take(now)), first);
  assert.ok([...queue.take(1_500)].every((uid) => !first.has(uid)));
});

test('a VIP that needs no probe any more makes room for the next one', () => {
  const queue = queueOf(101, false);
  assert.ok(![...queue.take(0)].includes('u100'));
  queue.set('u0', undefined);
  assert.ok([...queue.take(50)].includes('u100'));
});

test('three VIPs of each node are probed, however many others wait', () => {
  const queue = queueOf(5_000, true);
  for (let i = 0; i < 1_000; i++) queue.set(`a${i}`, { node: 'a', isHeld: false });
  queue.set('b0', { node: 'b', isHeld: false });
  for (const now of [0, 10_000]) {
    const due = [...queue.take(now)];
    assert.deepEqual(
      due.filter((uid) => /^[ab]/.test(uid)),
      ['a0', 'a1', 'a2', 'b0'],
    );
  }
  queue.keepOnly((uid) => uid !== 'a0');
  assert.deepEqual(
    [...queue.take(20_000)].filter((uid) => uid.startsWith('a')),
    ['a1', 'a2', 'a3'],
  );
});
