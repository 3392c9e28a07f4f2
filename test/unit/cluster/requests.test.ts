/** The count of API requests finds every excess over a budget. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRest, controllersRestart, creationOf } from '../../cluster/budgets.ts';
import { type Budget, excessOf, type Requests, withoutElection } from '../../cluster/requests.ts';
import type { AuditRecord } from '../../lab/audit.ts';

const entries = 'ipallocations.berth.dev';

/** This many requests of one kind. */
const times = (count: number): readonly AuditRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ auditID: String(i), verb: 'patch', user: { username: 'someone' } },
    ...{ objectRef: { resource: 'services', name: 'web' }, requestReceivedTimestamp: '2026-01-01T00:00:00Z' },
    requestObject: { status: {} },
  }));

/** The first line of each excess. */
const found = (requests: Requests, budget: Budget) => excessOf(requests, budget).map((text) => text.split('\n')[0]);

test('a request that a budget does not name is an excess', () => {
  assert.deepEqual(found({}, atRest), []);
  assert.deepEqual(
    found({ [`speaker watch ${entries}`]: times(3), [`controller watch ${entries}`]: times(2) }, atRest),
    [],
  );
  const excess = {
    [`speaker watch ${entries}`]: times(4),
    [`controller list ${entries}`]: times(1),
    'speaker patch services/status': times(1),
  };
  assert.deepEqual(found(excess, atRest), [
    `speaker watch ${entries}: 4 of 3`,
    `controller list ${entries}: 1 of 0`,
    'speaker patch services/status: 1 of 0',
  ]);
});

test('an excess names each request with its time, its object and what was written', () => {
  const line = '2026-01-01T00:00:00Z web {"status":{}}';
  const excess = excessOf({ 'speaker patch services/status': times(2) }, atRest);
  assert.deepEqual(excess, [`speaker patch services/status: 2 of 0\n  ${line}\n  ${line}`]);
});

test('a budget for several Services is the budget for one, times their number', () => {
  const create = `controller create ${entries}`;
  assert.deepEqual(found({ [create]: times(10) }, creationOf(10)), []);
  assert.deepEqual(found({ [create]: times(11) }, creationOf(10)), [`${create}: 11 of 10`]);
  assert.deepEqual(found({ [create]: times(1) }, controllersRestart), [`${create}: 1 of 0`]);
});

test('only requests for the Lease are left out', () => {
  const lease = 'controller update leases.coordination.k8s.io';
  const nodes = { 'controller list nodes': times(1) };
  assert.deepEqual(withoutElection({ [lease]: times(30), ...nodes }), nodes);
});
