/** What a Service's status says about a decision. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceView } from '../../../src/api/service.ts';
import { planAllocations } from '../../../src/ipam/allocate.ts';
import { desiredStatus, isNews, sameStatus } from '../../../src/ipam/status.ts';
import { entry, pool, service } from '../fixtures.ts';

const ownership = { classes: [], withoutClass: true, writer: 'berth-controller' };
const context = { ownership, advertised: () => true, now: '2026-02-02T00:00:00Z' };

function statusOf(svc: ServiceView, facts: { bound?: boolean; advertised?: boolean } = {}) {
  const ledger = facts.bound ? [entry('192.0.2.1', svc)] : [];
  const [decision] = planAllocations({
    pools: [pool('p', ['192.0.2.1'])],
    services: [svc],
    ledger,
    ownership,
  }).decisions;
  return desiredStatus(decision ?? assert.fail(), { ...context, advertised: () => facts.advertised ?? true });
}

test('an assigned Service shows its address and says from which pool', () => {
  const { ingress, conditions } = statusOf(service('s'));
  assert.deepEqual(ingress, [{ ip: '192.0.2.1', ipMode: 'VIP' }]);
  assert.deepEqual(
    conditions.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [['berth.dev/Allocated', 'True', 'Allocated', '192.0.2.1 from pool p']],
  );
});

test('E5 an address that no L2Advertisement covers says that nobody answers for it', () => {
  const { conditions } = statusOf(service('s'), { advertised: false });
  assert.deepEqual(
    conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['berth.dev/Allocated', 'True', 'Allocated'],
      ['berth.dev/Announced', 'False', 'NoAdvertisement'],
    ],
  );
});

test('E2 a status that another program overwrote is not taken back, and the condition names the writer', () => {
  const svc = service('s', { ingress: [{ ip: '198.51.100.9' }], ingressWriters: ['other'] });
  const { ingress, conditions } = statusOf(svc, { bound: true });
  assert.equal(ingress, undefined);
  assert.equal(conditions[0]?.reason, 'StatusContested');
  assert.match(conditions[0]?.message ?? '', /written by other/);
});

test('the time of a condition is that of its last change of status', () => {
  const old = '2025-01-01T00:00:00Z';
  const carried = { type: 'berth.dev/Allocated', reason: 'X', message: 'y', lastTransitionTime: old };
  const same = statusOf(service('s', { conditions: [{ ...carried, status: 'True' }] })).conditions[0];
  const other = statusOf(service('s', { conditions: [{ ...carried, status: 'False' }] })).conditions[0];
  assert.equal(same?.lastTransitionTime, old);
  assert.equal(other?.lastTransitionTime, context.now);
});

test('a status that says it already is not written again', () => {
  const desired = statusOf(service('s'));
  const written = {
    ingress: desired.ingress ?? [],
    ingressWriters: ['berth-controller'],
    conditions: desired.conditions,
  };
  assert.equal(sameStatus(service('s', written), desired, ownership), true);
  assert.equal(sameStatus(service('s'), desired, ownership), false);
  assert.equal(sameStatus(service('s', { ...written, conditions: [] }), desired, ownership), false);
  const refused = { ingress: undefined, conditions: desired.conditions };
  assert.equal(sameStatus(service('s', written), refused, ownership), false, 'our address must go');
  assert.equal(sameStatus(service('s', { ...written, ingressWriters: ['other'] }), refused, ownership), true);
});

test('an Event is sent on change only', () => {
  const [condition = assert.fail()] = statusOf(service('s')).conditions;
  assert.equal(isNews(undefined, condition), true);
  assert.equal(isNews({ ...condition, lastTransitionTime: 'x' }, condition), false);
  assert.equal(isNews({ ...condition, message: 'x' }, condition), true);
});
