/** D7: the links that programs may hang on, before nftables sees a packet. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { createPair, linkName, type Pair, run } from './namespaces.ts';

let pair: Pair;

before(() => {
  pair = createPair();
});
after(() => pair?.close());

const program = new URL('./qdisc-process.ts', import.meta.url).pathname;
const found = () => JSON.parse(run(pair.node, process.execPath, program));
const tc = (...words: readonly string[]) => run(pair.node, 'tc', 'qdisc', ...words);

test('D7 a link with clsact or an ingress discipline is found; one with any other is not', () => {
  assert.deepEqual(found(), []);
  tc('replace', 'dev', linkName, 'root', 'pfifo');
  assert.deepEqual(found(), [], 'what sends is no matter');
  tc('add', 'dev', linkName, 'clsact');
  assert.deepEqual(found(), [linkName]);
  tc('del', 'dev', linkName, 'clsact');
  tc('add', 'dev', linkName, 'ingress');
  assert.deepEqual(found(), [linkName]);
  tc('del', 'dev', linkName, 'ingress');
  assert.deepEqual(found(), []);
});

test('D7 it is found among more links than one answer of the kernel holds', () => {
  const numbers = Array.from({ length: 150 }, (_, i) => i);
  const lines = numbers.map((i) => `link add left${i} up type veth peer name right${i}`);
  execFileSync('ip', ['-n', pair.node, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  for (const i of [0, 149]) tc('add', 'dev', `right${i}`, 'clsact');
  assert.deepEqual(found(), ['right0', 'right149']);
});
