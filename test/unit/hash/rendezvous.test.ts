/**
 * The speakers agree on the scores of nodes for VIPs. While two versions of Berth run side by side,
 * a different score would give an address two holders. So the resulting order is written down here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { RendezvousRanking } from '../../../src/hash/rendezvous.ts';

const nodes = ['node1', 'node2', 'node3', 'worker-a.example.org', 'worker-b.example.org'];
const short: Readonly<Record<string, string>> = { 'worker-a.example.org': 'a', 'worker-b.example.org': 'b' };

/** The order of the nodes for each VIP, with `node1` as `1`. */
const golden: Readonly<Record<string, string>> = {
  '192.0.2.1': '1 3 a b 2',
  '192.0.2.2': '3 1 b a 2',
  '10.100.200.250': '3 2 1 a b',
  '2001:db8::1': 'b 3 1 a 2',
  '2001:db8::ffff:1': 'b 3 2 1 a',
};

test('the order of nodes for a VIP is the same in every version of Berth', () => {
  const ranking = new RendezvousRanking();
  const order = (vip: string) => ranking.order(vip, nodes).map((node) => short[node] ?? node.replace('node', ''));
  const now = Object.fromEntries(Object.keys(golden).map((vip) => [vip, order(vip).join(' ')]));
  assert.deepEqual(now, golden);
});

test('the score of a node is the same in every version of Berth', () => {
  assert.equal(new RendezvousRanking().score('192.0.2.1' as Ip, 'node1'), 7_293_711_224_797_033);
});
