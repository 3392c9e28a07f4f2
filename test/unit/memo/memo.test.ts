import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSameList, Memo } from '../../../src/memo/memo.ts';

test('a value is the same object while its inputs are the same', () => {
  const memo = new Memo<object, object>();
  const [key, input] = [{}, {}];
  const first = memo.of(key, [input, 'a'], () => ({}));
  assert.equal(
    memo.of(key, [input, 'a'], () => assert.fail()),
    first,
  );
  for (const inputs of [[{}, 'a'], [input, 'b'], [input], [input, 'b', undefined]]) {
    const before = memo.of(key, [input, 'b'], () => ({}));
    const again = memo.of(key, inputs, () => ({}));
    assert.equal(again === before, inputs.length === 2 && inputs[0] === input && inputs[1] === 'b');
  }
});

test('each key object has its own value', () => {
  const memo = new Memo<object, string>();
  const [a, b] = [{}, {}];
  assert.equal(
    memo.of(a, [], () => 'a'),
    'a',
  );
  assert.equal(
    memo.of(b, [], () => 'b'),
    'b',
  );
  assert.equal(
    memo.of(a, [], () => assert.fail()),
    'a',
  );
});

test('only the last inputs of an object are remembered', () => {
  const memo = new Memo<object, object>();
  const key = {};
  const first = memo.of(key, [1], () => ({}));
  memo.of(key, [2], () => ({}));
  assert.notEqual(
    memo.of(key, [1], () => ({})),
    first,
  );
});

test('two lists are the same if their elements are the same, in the same order', () => {
  const one = {};
  assert.ok(isSameList([one, 1], [one, 1]) && isSameList([], []));
  assert.ok(!isSameList([one], [{}]) && !isSameList([1, 2], [2, 1]) && !isSameList([1], [1, undefined]));
});
