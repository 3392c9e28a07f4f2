/** Tests that are expected to fail, in a process that writes in color: the test runner asks for that on a terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Its expected failure shows in the difference between two values. */
const file = 'test/unit/dataplane/plan/dead-nodes.test.ts';

test('an expected failure is recognized in color', () => {
  // Otherwise, the process would report to this test's runner, as one of its files.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const argv = ['--test-reporter=tap', '--test', file];
  const { status, stdout } = spawnSync(process.execPath, argv, {
    env: { ...env, FORCE_COLOR: '1' },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
