/** Limits of the speakers, in virtual time: the rate of their datagrams, and of the moves of a VIP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertTakenOver } from './checks.ts';
import { Cluster } from './cluster.ts';

/** Datagrams per second and path of each node, at rest. */
function ratesOf(cluster: Cluster): readonly number[] {
  assert.deepEqual(cluster.unsettled(), [], 'every VIP has its holder');
  cluster.fabric.sent.clear();
  cluster.run(5_000);
  const paths = 1 + cluster.links.length;
  assert.deepEqual([...cluster.fabric.sent.keys()].sort(), [...cluster.names].sort(), 'every node sends');
  return [...cluster.fabric.sent.values()].map((count) => count / 5 / paths);
}

function clusterOf(nodes: number): Cluster {
  return new Cluster({ seed: 1, nodes, vips: Math.min(2 * nodes, 60) }).boot({ settleMs: 4_000 });
}

function assertBetween(rates: readonly number[], least: number, most: number): void {
  assert.ok(Math.min(...rates) >= least && Math.max(...rates) <= most, `${rates.map(Math.round)}: ${least} to ${most}`);
}

test('in a small cluster every node sends to every other one ten times a second', () => {
  for (const nodes of [3, 29]) assertBetween(ratesOf(clusterOf(nodes)), 9 * (nodes - 1), 11 * (nodes - 1));
});

test('each of 100 nodes sends to five peers ten times a second and rarely to the others; a dead node is replaced as fast', () => {
  const cluster = clusterOf(100);
  // Ten times a second to five peers, and about once a second or a little less to the 94 other nodes.
  assertBetween(ratesOf(cluster), 5 * 9 + 94 / 1.4, 200);
  assertTakenOver(cluster);
});

test('a VIP that has moved three times within three minutes stays, unless its holder dies', () => {
  const cluster = new Cluster({ seed: 1, nodes: 4, vips: 1 }).boot();
  const holders: (string | undefined)[] = [];
  for (let move = 0; move < 6; move++) {
    const holder = cluster.holderOf('uid-0');
    holders.push(holder);
    // As if a label of the node changed again and again: each time the node must give the VIP to another one.
    cluster.setEligible(
      'uid-0',
      cluster.names.filter((name) => name !== holder),
    );
    cluster.run(10_000);
  }
  assert.equal(new Set(holders.slice(0, 4)).size > 1, true, 'at first it moves');
  assert.deepEqual(holders.slice(3), Array(3).fill(holders[3]), 'then it stays');
  const damped = cluster.speaker(holders[3] ?? '').decisions.find(({ vip }) => vip.uid === 'uid-0')?.damped;
  assert.equal(damped, true, 'and its decision reports it');
  cluster.speaker(holders[3] ?? '').kill();
  cluster.run(2_000);
  assert.notEqual(cluster.holderOf('uid-0'), undefined);
  assert.deepEqual(cluster.unsettled(), []);
  cluster.run(180_000);
  const last = cluster.holderOf('uid-0');
  cluster.setEligible(
    'uid-0',
    cluster.names.filter((name) => name !== last),
  );
  cluster.run(2_000);
  assert.notEqual(cluster.holderOf('uid-0'), last, 'after three quiet minutes it moves again');
});
