import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, type RunnerEvent } from '../../runner/events.ts';

function failed(cause: unknown, more: object = {}): RunnerEvent {
  const error = { failureType: 'testCodeFailure', cause };
  return { type: 'test:fail', data: { name: 'a', file: '/f.test.ts', details: { error }, ...more } };
}

test('a failure has the file, the name, and the first lines of the message', () => {
  const reason = 'wrong:\n+ 1\n- 2';
  assert.deepEqual(failureOf(failed(new Error(reason))), { file: '/f.test.ts', name: 'a', reason });
  assert.equal(failureOf(failed(new Error('line\n'.repeat(100))))?.reason, 'line\n'.repeat(12).trim());
  assert.equal(failureOf(failed('test timed out'))?.reason, 'test timed out');
});

test('a suite with a failed test, a test that may fail, and a test that passed are no failures', () => {
  assert.equal(failureOf(failed('', { details: { error: { failureType: 'subtestsFailed' } } })), undefined);
  assert.equal(failureOf(failed('', { todo: 'later' })), undefined);
  assert.equal(failureOf({ type: 'test:pass', data: { name: 'a' } }), undefined);
});
