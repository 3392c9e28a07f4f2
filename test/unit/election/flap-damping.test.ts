/** A VIP that has moved too often stays where it is. Moves that people planned do not count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlapDamping } from '../../../src/election/flap-damping.ts';

const [byItself, planned] = [() => false, () => true];

/** The moves of a VIP, one a second, between two nodes in turn. */
function moved(moves: FlapDamping, times: number, isPlanned: (from: string) => boolean): number {
  for (let i = 0; i <= times; i++) moves.note('u', { node: i % 2 === 0 ? 'a' : 'b', planned: isPlanned }, 1_000 * i);
  return 1_000 * times;
}

test('the third move in three minutes is the last one', () => {
  const moves = new FlapDamping();
  assert.ok(!moves.isDamped('u', moved(moves, 2, byItself)));
  const after = new FlapDamping();
  const now = moved(after, 3, byItself);
  assert.ok(after.isDamped('u', now));
  assert.ok(!after.isDamped('other', now));
});

test('neither the first holder nor the same holder again is a move', () => {
  const moves = new FlapDamping();
  for (let i = 0; i < 10; i++) moves.note('u', { node: 'a', planned: byItself }, i);
  assert.ok(!moves.isDamped('u', 10));
});

test('a VIP can be moved again however often people have moved it', () => {
  const moves = new FlapDamping();
  assert.ok(!moves.isDamped('u', moved(moves, 20, planned)));
});

test('the node that a VIP leaves decides whether the move was planned', () => {
  const moves = new FlapDamping();
  const asked: string[] = [];
  for (const node of ['a', 'b', 'c']) {
    const note = (from: string) => {
      asked.push(from);
      return false;
    };
    moves.note('u', { node, planned: note }, 0);
  }
  assert.deepEqual(asked, ['a', 'b']);
});

test('three minutes after the first of three moves, the VIP may move again', () => {
  const moves = new FlapDamping();
  moved(moves, 3, byItself);
  assert.ok(moves.isDamped('u', 180_999));
  assert.ok(!moves.isDamped('u', 181_000));
});
