/**
 * The nodes agree on which node serves which slot. While two versions of Berth run side by side, a
 * different table would send the packets of one connection to two nodes. So a table is written down
 * here.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Member, slotCount, slotsOf } from '../../../../src/dataplane/plan/slots.ts';

const members: readonly Member[] = [
  { node: 'node1', weight: 1 },
  { node: 'node2', weight: 1 },
  { node: 'node3', weight: 2 },
];
const leavers: readonly Member[] = [{ node: 'node4', weight: 1 }];

test('a table is the same in every version of Berth', () => {
  const slots = slotsOf(members, leavers);
  assert.equal(slots.length, slotCount);
  const text = slots.map(({ first, second, former = '-' }) => `${first} ${second} ${former}`).join('\n');
  assert.equal(text.split('\n').slice(0, 3).join('; '), 'node1 node3 -; node3 node2 -; node3 node2 -');
  assert.equal(createHash('sha256').update(text).digest('hex').slice(0, 16), 'aec0ef956a5dfd4d');
});
