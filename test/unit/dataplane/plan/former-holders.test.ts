/** Which node gets the connections that a new holder does not know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { FormerHolders, type Neighbors } from '../../../../src/dataplane/plan/former-holders.ts';

const vip = '192.0.2.1' as Ip;
const hourMs = 3_600_000;
const macOf = (node: string) => `mac of ${node}`;

/** The view of node `self` of the VIP's holders. `reached` are the nodes that it reaches. */
function observer(reached: readonly string[] = ['n1', 'n2']) {
  const former = new FormerHolders();
  return (holder: string | undefined, now: number, without: readonly string[] = []) => {
    const neighbors: Neighbors = {
      self: 'self',
      neighborFor: (node, at) =>
        reached.includes(node) && !without.includes(node)
          ? { node, address: at, mac: macOf(node), link: 'eth0' }
          : undefined,
      now,
    };
    const { chances } = former.observe([{ uid: 'u', vip, holder }], neighbors);
    return chances.map(({ to }) => to.node);
  };
}

test('a node that takes a VIP over hands the connections that it does not know to the former holder', () => {
  const observe = observer();
  assert.deepEqual(observe('n1', 0), ['n1']);
  assert.deepEqual(observe('self', 1_000), ['n1']);
  assert.deepEqual(observe(undefined, 2_000), ['n1']);
  assert.deepEqual(observe('n2', 3_000), ['n2']);
  assert.deepEqual(observe('self', 4_000), ['n2']);
});

test('an hour after a VIP has moved, no connection is handed on', () => {
  const observe = observer();
  observe('n1', 0);
  assert.deepEqual(observe('self', hourMs), ['n1']);
  assert.deepEqual(observe('self', hourMs + 1), []);
  assert.deepEqual(observe('self', 0), [], 'the former holder is forgotten');
});

test('a former holder that is dead or on no shared link gets no packets, and gets them again when it is back', () => {
  const observe = observer();
  observe('n1', 0);
  assert.deepEqual(observe('self', 1, ['n1']), []);
  assert.deepEqual(observe('self', 2), ['n1']);
  assert.deepEqual(observer(['n2'])('n1', 0), []);
});

test('a speaker that has just started knows no former holder', () => {
  assert.deepEqual(observer()('self', 0), []);
});

test('the former holder of a VIP that is gone is forgotten', () => {
  const former = new FormerHolders();
  const neighbors: Neighbors = {
    self: 'self',
    neighborFor: (node) => ({ node, address: vip, mac: macOf(node), link: 'eth0' }),
    now: 0,
  };
  former.observe([{ uid: 'u', vip, holder: 'n1' }], neighbors);
  former.observe([], neighbors);
  assert.deepEqual(former.observe([{ uid: 'u', vip, holder: 'self' }], neighbors).chances, []);
});
