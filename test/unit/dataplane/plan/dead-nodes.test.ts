/** A node is dead only if its kernel is silent too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { DeadNodes } from '../../../../src/dataplane/plan/dead-nodes.ts';

const address = '192.0.2.7' as Ip;
const silent = [{ node: 'n', addresses: [address] }];
/** A node that has no address on a link of this node. */
const far = [{ node: 'n', addresses: [] }];

test('a node whose kernel answers no probe is dead after 350 ms', () => {
  const nodes = new DeadNodes();
  assert.deepEqual(nodes.review(silent, 0), { dead: [], probes: [address], nextAt: 100 });
  assert.deepEqual(nodes.review(silent, 50).probes, []);
  assert.deepEqual(nodes.review(silent, 100).probes, [address]);
  assert.deepEqual(nodes.review(silent, 349).dead, []);
  assert.deepEqual(nodes.review(silent, 350).dead, ['n']);
  assert.equal(nodes.review([], 400).nextAt, undefined);
});

test('a node whose speaker was killed is not dead: its kernel answers for it', () => {
  const nodes = new DeadNodes();
  nodes.review(silent, 0);
  nodes.heard('192.0.2.8', 10);
  nodes.heard(address, 20);
  assert.deepEqual(nodes.review(silent, 2_519).dead, []);
  assert.deepEqual(nodes.review(silent, 2_520).dead, ['n'], 'its kernel is silent now');
  nodes.heard(address, 2_600);
  assert.deepEqual(nodes.review(silent, 2_700).dead, [], 'its kernel was only slow');
});

test('a node behind a router is not probed, and is not dead for three seconds', () => {
  const nodes = new DeadNodes();
  assert.deepEqual(nodes.review(far, 0), { dead: [], probes: [], nextAt: 100 });
  assert.deepEqual(nodes.review(far, 2_999).dead, []);
});

test('a node behind a router is not dead because its speaker is silent', () => {
  const nodes = new DeadNodes();
  // Longer than a node pulls an image while the speakers are updated.
  for (let now = 0; now <= 120_000; now += 100) {
    assert.deepEqual(nodes.review(far, now).dead, [], 'taken for dead without a probe');
  }
});

test('a node that could not be probed for a while gets the full time once it can be probed again', () => {
  const nodes = new DeadNodes();
  nodes.review(silent, 0);
  assert.deepEqual(nodes.review(far, 300).dead, [], 'the link of this node is down');
  assert.deepEqual(nodes.review(silent, 5_000).dead, []);
  assert.deepEqual(nodes.review(silent, 5_349).dead, []);
  assert.deepEqual(nodes.review(silent, 5_350).dead, ['n']);
  assert.deepEqual(nodes.review(far, 6_000).dead, [], 'a dead node, too');
});

test('a node whose probes cannot be sent is not dead', () => {
  const nodes = new DeadNodes();
  for (let now = 0; now <= 10_000; now += 100) {
    const { dead, probes } = nodes.review(silent, now);
    assert.deepEqual(dead, []);
    nodes.notProbed(probes);
  }
  assert.deepEqual(nodes.review(silent, 10_100).dead, []);
  assert.deepEqual(nodes.review(silent, 10_449).dead, []);
  assert.deepEqual(nodes.review(silent, 10_450).dead, ['n']);
});

test('a dead node that is heard again starts with the full time', () => {
  const nodes = new DeadNodes();
  nodes.review(silent, 0);
  nodes.review([], 100);
  assert.deepEqual(nodes.review(silent, 300).dead, []);
  assert.deepEqual(nodes.review(silent, 650).dead, ['n']);
});
