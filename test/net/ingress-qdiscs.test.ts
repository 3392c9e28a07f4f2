/** Finds the links where programs may be attached that see a packet before nftables does. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, ipBatch, linkName, type Pair, run } from './namespaces.ts';

let pair: Pair;
let reader: LineProcess;

before(async () => {
  pair = createPair();
  reader = startLineProcess({ namespace: pair.node, file: './qdisc-process.ts' });
  await reader.next('ready');
});
after(() => {
  reader?.close();
  pair?.close();
});

const found = async () => (await reader.ask({}, 'found')).links;
const tc = (...words: readonly string[]) => run(pair.node, 'tc', 'qdisc', ...words);

test('a link with clsact or an ingress queueing discipline is found; a link with any other one is not', async () => {
  assert.deepEqual(await found(), []);
  tc('replace', 'dev', linkName, 'root', 'pfifo');
  assert.deepEqual(await found(), [], 'disciplines for sending do not count');
  tc('add', 'dev', linkName, 'clsact');
  assert.deepEqual(await found(), [linkName]);
  tc('del', 'dev', linkName, 'clsact');
  tc('add', 'dev', linkName, 'ingress');
  assert.deepEqual(await found(), [linkName]);
  tc('del', 'dev', linkName, 'ingress');
  assert.deepEqual(await found(), []);
});

test('a link with an ingress discipline is found among more links than fit into one answer of the kernel', async () => {
  const numbers = Array.from({ length: 150 }, (_, i) => i);
  const lines = numbers.map((i) => `link add left${i} up type veth peer name right${i}`);
  ipBatch(pair.node, lines);
  for (const i of [0, 149]) tc('add', 'dev', `right${i}`, 'clsact');
  assert.deepEqual(await found(), ['right0', 'right149']);
});
