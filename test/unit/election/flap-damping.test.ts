/** A VIP that has moved too often stays where it is; what people have planned does not count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlapDamping } from '../../../src/election/flap-damping.ts';

const [byItself, planned] = [() => false, () => true];

/** The moves of a VIP, each a second after the one before; between two nodes in turn. */
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

test('the first holder is no move, nor is the same one again', () => {
  const moves = new FlapDamping();
  for (let i = 0; i < 10; i++) moves.note('u', { node: 'a', planned: byItself }, i);
  assert.ok(!moves.isDamped('u', 10));
});

test('however often people move a VIP, it can be moved again', () => {
  const moves = new FlapDamping();
  assert.ok(!moves.isDamped('u', moved(moves, 20, planned)));
});

test('whether a move was planned is asked of the node that it leaves', () => {
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

test('three minutes after the first of three moves it may move again', () => {
  const moves = new FlapDamping();
  moved(moves, 3, byItself);
  assert.ok(moves.isDamped('u', 180_999));
  assert.ok(!moves.isDamped('u', 181_000));
});
