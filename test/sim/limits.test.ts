/** What the speakers do not do: talk too much, move a VIP too often. In virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from './cluster.ts';

/** Datagrams per second of the node that sends most, at rest, and on one path. */
function busiest(nodes: number): number {
  const cluster = new Cluster({ seed: 1, nodes, vips: 2 * nodes });
  cluster.boot({ settleMs: 6_000 });
  cluster.fabric.sent.clear();
  cluster.run(5_000);
  const paths = 1 + cluster.links.length;
  return Math.max(...cluster.fabric.sent.values()) / 5 / paths;
}

test('B12 every node speaks to a few others ten times a second, and to the rest now and then: 100 nodes cost less than 29', (t) => {
  const rates = [3, 29, 100].map((nodes) => [nodes, busiest(nodes)] as const);
  t.diagnostic(rates.map(([nodes, rate]) => `${nodes} nodes: ${rate.toFixed(0)}/s`).join(', '));
  const of = new Map(rates);
  assert.ok((of.get(3) ?? 0) <= 2 * 11, 'two peers, ten times a second');
  assert.ok((of.get(100) ?? 0) <= 200, '5 watchers ten times, and 100 others, a second');
});

test('B8 a VIP that was moved three times in three minutes stays, unless its holder dies', () => {
  const cluster = new Cluster({ seed: 1, nodes: 4, vips: 1 }).boot();
  const holders: (string | undefined)[] = [];
  for (let move = 0; move < 6; move++) {
    const holder = cluster.holderOf('uid-0');
    holders.push(holder);
    // Somebody changes a label of the node, again and again: it is to give the VIP away.
    cluster.setEligible(
      'uid-0',
      cluster.names.filter((name) => name !== holder),
    );
    cluster.run(10_000);
  }
  assert.equal(new Set(holders.slice(0, 4)).size > 1, true, 'at first it moves');
  assert.deepEqual(holders.slice(3), Array(3).fill(holders[3]), 'then it stays');
  const damped = cluster.speaker(holders[3] ?? '').keeper?.decisions.find(({ vip }) => vip.uid === 'uid-0')?.damped;
  assert.equal(damped, true, 'and says so');
  cluster.speaker(holders[3] ?? '').kill();
  cluster.run(2_000);
  assert.notEqual(cluster.holderOf('uid-0'), undefined);
  assert.deepEqual(cluster.unsettled(), []);
  cluster.run(180_000);
});
