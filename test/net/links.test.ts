/** What is read about the links of a network namespace. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { Link } from '../../src/linux/links.ts';
import { createPair, ip, nodeMac, type Pair } from './namespaces.ts';

/** The links as a process inside the namespace sees them. */
function linksIn(namespace: string): readonly Link[] {
  const links = new URL('../../src/linux/links.ts', import.meta.url).href;
  const program = `import { readLinks } from '${links}'; console.log(JSON.stringify(readLinks()))`;
  const words = ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', program];
  return JSON.parse(execFileSync('ip', words, { encoding: 'utf8' }));
}

function withPair(use: (pair: Pair) => void): void {
  const pair = createPair();
  try {
    use(pair);
  } finally {
    pair.close();
  }
}

test('a link has its index, MAC, state and addresses, also those with a label of their own', () =>
  withPair(({ node }) => {
    ip(`-n ${node} address add 10.98.0.2/24 dev v0 label v0:extra`);
    const link = linksIn(node).find(({ name }) => name === 'v0');
    const { addresses = [], ...rest } = link ?? {};
    assert.deepEqual(rest, {
      name: 'v0',
      index: Number(ip(`-n ${node} -o link show v0`).split(':')[0]),
      mac: nodeMac,
      up: true,
      carrier: true,
      noArp: false,
    });
    const ipv4 = addresses.filter(({ address }) => !address.includes(':'));
    assert.deepEqual(ipv4, [
      { address: '10.99.0.2', prefix: 16 },
      { address: '10.98.0.2', prefix: 24 },
    ]);
  }));

test('a pulled cable is a link without carrier, a link set down is not up', () =>
  withPair(({ client, node }) => {
    ip(`-n ${client} link set v0 down`);
    const stateIn = (namespace: string) => {
      const link = linksIn(namespace).find(({ name }) => name === 'v0');
      return [link?.up, link?.carrier];
    };
    assert.deepEqual(stateIn(node), [true, false]);
    assert.deepEqual(stateIn(client), [false, false]);
  }));

test('a member of a bridge names it, and the loopback answers no ARP', () =>
  withPair(({ node }) => {
    ip(`-n ${node} link add br0 type bridge`);
    ip(`-n ${node} link set v0 master br0`);
    const links = linksIn(node);
    assert.equal(links.find(({ name }) => name === 'v0')?.master, 'br0');
    assert.equal(links.find(({ name }) => name === 'br0')?.master, undefined);
    assert.equal(links.find(({ name }) => name === 'lo')?.noArp, true);
  }));
