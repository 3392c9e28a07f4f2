/** A pattern of `interfaces` matches the names that its author expects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type LinkView, linksFor } from '../../../src/announce/links.ts';
import { advertisement } from '../fixtures.ts';

const vip = '192.0.2.10' as Ip;

function link(name: string): LinkView {
  const addresses = [{ address: '192.0.2.1' as Ip, prefix: 24 }];
  return { name, mac: '02:00:00:00:00:01', up: true, carrier: true, noArp: false, master: undefined, addresses };
}

/** A pattern, the name of a link, and whether the pattern covers the link. */
const rows: readonly [pattern: string, name: string, covers: boolean][] = [
  ['eth*', 'eth0', true],
  ['eth*', 'beth0', false],
  ['eth?', 'eth0', true],
  ['eth?', 'eth10', false],
  ['eth0.1*', 'eth0.10', true],
  ['eth0.1*', 'eth0x10', false],
  ['bond+*', 'bondd0', false],
  ['(eth*', '(eth0', true],
];

for (const [pattern, name, covers] of rows) {
  test(`the pattern ${pattern} ${covers ? 'covers' : 'does not cover'} the link ${name}`, () => {
    const found = linksFor(vip, [advertisement({ interfaces: [pattern] })], [link(name)]);
    assert.deepEqual(found, covers ? [name] : []);
  });
}
