/** The count of requests finds what a budget does not allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRest, controllersRestart, creationOf } from '../../cluster/budgets.ts';
import { excessOf, withoutElection } from '../../cluster/requests.ts';

const entries = 'ipallocations.berth.dev';

test('what a budget does not name may not be asked for', () => {
  assert.deepEqual(excessOf({}, atRest), []);
  assert.deepEqual(excessOf({ [`speaker watch ${entries}`]: 3, [`controller watch ${entries}`]: 2 }, atRest), []);
  const excess = {
    [`speaker watch ${entries}`]: 4,
    [`controller list ${entries}`]: 1,
    'speaker patch services/status': 1,
  };
  assert.deepEqual(excessOf(excess, atRest), [
    `speaker watch ${entries}: 4 of 3`,
    `controller list ${entries}: 1 of 0`,
    'speaker patch services/status: 1 of 0',
  ]);
});

test('a budget for many Services is that many times the budget of one', () => {
  const create = `controller create ${entries}`;
  assert.deepEqual(excessOf({ [create]: 10 }, creationOf(10)), []);
  assert.deepEqual(excessOf({ [create]: 11 }, creationOf(10)), [`${create}: 11 of 10`]);
  assert.deepEqual(excessOf({ [create]: 1 }, controllersRestart), [`${create}: 1 of 0`]);
});

test('the Lease alone is left out', () => {
  const lease = 'controller update leases.coordination.k8s.io';
  assert.deepEqual(withoutElection({ [lease]: 30, 'controller list nodes': 1 }), { 'controller list nodes': 1 });
});
