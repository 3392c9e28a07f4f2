/** The allocator's cache saves work between the passes of one program, and changes no decision. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../../src/ipam/allocate.ts';
import { AllocationCache } from '../../../src/ipam/allocation-cache.ts';
import { entry, pool, service } from '../fixtures.ts';
import { showing, snapshotOf } from './plans.ts';

const kept = service('kept', showing('192.0.2.1'));
const known = snapshotOf({
  pools: [pool('p', ['192.0.2.0/24'])],
  services: [kept],
  ledger: [entry('192.0.2.1', kept)],
});

test('with a cache, an unchanged decision is the same object in the next pass', () => {
  const cache = new AllocationCache();
  const [first, second] = [settle(known, cache), settle(known, cache)];
  assert.equal(second.plan.decisions[0], first.plan.decisions[0]);
  assert.equal(second.table, first.table);
});

test('a changed entry or pool leads to a new decision', () => {
  const cache = new AllocationCache();
  const first = settle(known, cache);
  const renewed = settle({ ...known, ledger: [entry('192.0.2.1', kept)] }, cache);
  assert.notEqual(renewed.plan.decisions[0], first.plan.decisions[0]);
  const gone = settle({ ...known, pools: [] }, cache);
  assert.equal(gone.plan.decisions[0]?.reason, 'PoolRemoved');
});

test('without a cache nothing is kept, and the decisions are the same', () => {
  const [first, second] = [settle(known), settle(known)];
  assert.notEqual(second.plan.decisions[0], first.plan.decisions[0]);
  assert.deepEqual(second.plan, first.plan);
  assert.deepEqual(settle(known, new AllocationCache()).plan, first.plan);
});
