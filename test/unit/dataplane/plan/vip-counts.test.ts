/** The counts of a VIP continue when the kernel's counters restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VipCounts } from '../../../../src/dataplane/plan/vip-counts.ts';

test('the counts of a VIP only rise when the rules are loaded again, and end with the VIP', () => {
  const counts = new VipCounts();
  const after = (packets: number) => counts.add(new Map([['v', { packets, bytes: packets * 100 }]])).get('v');
  assert.deepEqual(after(5), { packets: 5, bytes: 500 });
  assert.deepEqual(after(9), { packets: 9, bytes: 900 });
  // The kernel's counters started at zero again.
  assert.deepEqual(after(2), { packets: 11, bytes: 1_100 });
  assert.deepEqual(after(3), { packets: 12, bytes: 1_200 });
  assert.equal(counts.add(new Map()).size, 0);
  assert.deepEqual(after(1), { packets: 1, bytes: 100 });
});
