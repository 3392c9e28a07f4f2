/** Nodes that should run no speaker are no problem: Windows nodes, nodes that the DaemonSet does not select, taints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusFacts } from '../../../src/cli/commands/status-facts.ts';
import { node } from '../fixtures.ts';
import { evaluated } from './evaluations.ts';

/** The warnings of `status` about missing speakers. n1 to n3 run one. */
function missing(
  more: readonly ReturnType<typeof node>[],
  wanted: number | undefined,
  stopped = false,
): readonly string[] {
  const linux = { 'kubernetes.io/os': 'linux' };
  const { installation, nodes } = evaluated().cluster;
  const speakers = stopped ? installation.speakers.slice(1) : installation.speakers;
  const target = wanted === undefined ? {} : { speakerTarget: { nodeSelector: linux, wanted } };
  const all = [...nodes.map((one) => ({ ...one, labels: linux })), ...more];
  const facts = statusFacts(evaluated({ nodes: all, installation: { ...installation, speakers, ...target } }));
  return facts.warnings.filter((text) => text.includes('no speaker runs'));
}

const windows = node('win1', { labels: { 'kubernetes.io/os': 'windows' } });
const tainted = node('gpu1', { labels: { 'kubernetes.io/os': 'linux' } });

test('status warns about a node without speaker only if it should run one', () => {
  assert.deepEqual(missing([windows], 3), [], 'a node that the selector leaves out');
  assert.deepEqual(missing([tainted], 3), [], 'a node that taints or the affinity leave out');
  assert.deepEqual(missing([windows], 3, true), ['no speaker runs on n1'], 'a speaker is gone');
  assert.deepEqual(missing([tainted], 4), ['no speaker runs on gpu1'], 'a node whose speaker does not start');
  assert.deepEqual(missing([windows], undefined), ['no speaker runs on win1'], 'no DaemonSet');
});
