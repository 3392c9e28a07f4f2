/** The report of the Kubernetes suite: which tests count as run, and which failures are new. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainedFailures } from '../../conformance/explained.ts';
import { nameOf, type Outcome, readOutcomes, tableOf, unexplained } from '../../conformance/report.ts';

const spec = (text: string, state: string, message?: string) => ({
  LeafNodeType: 'It',
  ContainerHierarchyTexts: ['[sig-network] LoadBalancers [Feature:LoadBalancer]'],
  LeafNodeText: text,
  State: state,
  RunTime: 2_400_000_000,
  ...(message === undefined ? {} : { Failure: { Message: message } }),
});

/** Reads a ginkgo report with these tests. */
async function read(specs: readonly object[]): Promise<readonly Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-report-'));
  try {
    const file = join(folder, 'report.json');
    await writeFile(file, JSON.stringify([{ SpecReports: specs }]));
    return await readOutcomes(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a test that was not selected has no outcome; a test that skipped itself has one', async () => {
  const outcomes = await read([spec('one', 'skipped'), spec('two', 'skipped', 'needs two nodes')]);
  assert.deepEqual(outcomes, [{ name: 'LoadBalancers two', state: 'skipped', seconds: 2, reason: 'needs two nodes' }]);
});

test('every end except passed and skipped is a failure', async () => {
  for (const state of ['failed', 'panicked', 'timedout', 'interrupted', 'aborted']) {
    assert.deepEqual((await read([spec('one', state, 'why')]))[0]?.state, 'failed', state);
  }
});

test("the suite's own set-up counts only when it fails", async () => {
  const setUp = (state: string) => ({ ...spec('', state, 'no nodes'), LeafNodeType: 'SynchronizedBeforeSuite' });
  assert.equal((await read([setUp('passed')])).length, 0);
  assert.equal((await read([setUp('failed')]))[0]?.state, 'failed');
});

test('a failure is new unless its test is on the list of explained failures', () => {
  const [known = assert.fail()] = Object.keys(explainedFailures);
  const outcome = (name: string, state: Outcome['state']) => ({ name, state, seconds: 1, reason: 'a | b\nmore' });
  const outcomes = [outcome(known, 'failed'), outcome('another', 'failed'), outcome('third', 'passed')];
  assert.deepEqual(
    unexplained(outcomes).map(({ name }) => name),
    ['another'],
  );
  const table = tableOf(outcomes);
  assert.match(table, /\| another \| failed \| 1 \| a \\\| b \|/);
  assert.match(table, /explained: /);
  assert.match(table, /^1 passed, 2 failed, 0 skipped$/m);
});

test('a name has no labels, wherever they stand', () => {
  const text = '[sig-network] LoadBalancers ExternalTrafficPolicy: Local [Slow] [It] should work [sig-network, Slow]';
  assert.equal(nameOf(text), 'LoadBalancers ExternalTrafficPolicy: Local should work');
});
