/** A table is the sum of the fragments of its features, behind one gate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  aliveMs,
  chain,
  gate,
  hookChain,
  keepAliveText,
  setOf,
  sum,
  tableOf,
} from '../../../../src/dataplane/nft/fragment.ts';

test('a table has the rules of all its features, and the gate', () => {
  const { family, collections, chains } = tableOf('ip', [
    { collections: { a: setOf('ipv4_addr', ['10.0.0.1', '10.0.0.1']) } },
    {},
    { chains: { c: hookChain('filter hook input priority 0', ['drop']), d: chain('accept') } },
  ]);
  assert.equal(family, 'ip');
  assert.deepEqual([...collections.keys()], ['alive', 'a']);
  assert.deepEqual([...(collections.get('a')?.elements.keys() ?? [])], ['10.0.0.1']);
  assert.deepEqual(Object.fromEntries(chains), {
    c: { hook: 'type filter hook input priority 0', rules: [gate, 'drop'] },
    d: { rules: ['accept'] },
  });
});

test('two features cannot use the same name', () => {
  const part = { chains: { c: chain() } };
  assert.throws(() => sum([part, part]), /two features/);
});

test('the gate is renewed in every table, whether it has expired or not', () => {
  const elements = ['ip', 'ip6', 'arp'].map((key) => `${key} timeout ${aliveMs / 1_000}s`).join(', ');
  const lines = (family: string) => [
    `add element ${family} berth alive { ${elements} }`,
    `delete element ${family} berth alive { ip, ip6, arp }`,
    `add element ${family} berth alive { ${elements} }`,
  ];
  const expected = [...lines('ip'), ...lines('arp')].map((line) => `${line}\n`).join('');
  assert.equal(keepAliveText([{ family: 'ip' }, { family: 'arp' }]), expected);
});
