/** Explanations of a Service's addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '../../../src/ipam/allocate.ts';
import { explainAllocation } from '../../../src/ipam/explain.ts';
import { entry, pool, service, serviceIn } from '../fixtures.ts';
import { allocation, outcomeText, plan, shownByOther, snapshotOf } from './plans.ts';

/** The decision, then `FAMILY ADDRESS pool:PoolVerdict ...` for each family. */
function story(facts: Partial<Snapshot>, key = 'default/s'): readonly string[] {
  const { decision, looks } = explainAllocation(snapshotOf(facts), key);
  const families = looks.map(({ family, address, pools }) =>
    [family, address ?? '-', ...pools.map(({ pool: name, verdict }) => `${name}:${verdict}`)].join(' '),
  );
  return [decision ? outcomeText(decision) : 'not ours', ...families];
}

const s = service('s');
const p = pool('p', ['192.0.2.1-192.0.2.2']);

test('every pool has its verdict, in the order in which the Service tries the pools', () => {
  const x = service('x');
  const pools = [
    pool('f-six', ['2001:db8::1']),
    pool('e-rest', ['192.0.2.6'], { state: 'Cordoned' }),
    pool('d-drain', ['192.0.2.5'], { state: 'Draining' }),
    pool('c-hand', ['192.0.2.4'], { autoAssign: false }),
    pool('g-next', ['192.0.2.8']),
    pool('b-full', ['192.0.2.3']),
    pool('f-take', ['192.0.2.7']),
    pool('z-mine', ['192.0.2.9'], { ...allocation({ namespaces: ['default'] }), quota: 0 }),
    pool('a-other', ['192.0.2.10'], allocation({ namespaces: ['other'] })),
  ];
  const given = { pools, services: [s, x], ledger: [entry('192.0.2.3', x, { pool: 'b-full' })] };
  assert.deepEqual(story(given), [
    '192.0.2.7',
    'IPv4 192.0.2.7 z-mine:QuotaReached a-other:NotForService b-full:Exhausted c-hand:NotAutoAssign d-drain:Draining ' +
      'e-rest:Cordoned f-six:NoSuchFamily f-take:Chosen g-next:Available',
  ]);
});

test('pools that a request or a strict pool rules out have a verdict that says so', () => {
  const q = pool('q', ['192.0.2.3']);
  const wish = service('s', { requestedPools: ['q'] });
  assert.deepEqual(story({ pools: [p, q], services: [wish] }), ['192.0.2.3', 'IPv4 192.0.2.3 q:Chosen p:NotRequested']);
  const fence = pool('fence', ['192.0.2.4'], allocation({ strict: true, namespaces: ['default'] }));
  assert.deepEqual(story({ pools: [p, fence], services: [s] }), [
    '192.0.2.4',
    'IPv4 192.0.2.4 fence:Chosen p:RestrictedToStrictPools',
  ]);
});

test('each family has its own explanation', () => {
  const dual = service('s', { families: ['IPv6', 'IPv4'] });
  const six = pool('six', ['2001:db8::1']);
  assert.deepEqual(story({ pools: [p, six], services: [dual] }), [
    '2001:db8::1+192.0.2.1',
    'IPv6 2001:db8::1 p:NoSuchFamily six:Chosen',
    'IPv4 192.0.2.1 p:Chosen six:NoSuchFamily',
  ]);
  assert.deepEqual(story({ pools: [p], services: [dual] }), [
    '192.0.2.1 PartiallyAllocated',
    'IPv6 - p:NoSuchFamily',
    'IPv4 192.0.2.1 p:Chosen',
  ]);
});

test('a Service that no pool serves, or that Berth does not serve, has a short explanation', () => {
  assert.deepEqual(story({ pools: [p], services: [s] }, 'default/nobody'), ['not ours']);
  assert.deepEqual(story({ pools: [p], services: [service('s', { class: 'x/y' })] }), ['not ours']);
  assert.deepEqual(story({ pools: [p], services: [service('s', { isLoadBalancer: false })] }), ['not ours']);
  assert.deepEqual(story({ services: [s] }), ['NoPool', 'IPv4 -']);
  assert.deepEqual(story({ pools: [p], services: [service('s', shownByOther('192.0.2.1'))] }), [
    'StatusContested, keeps status',
    'IPv4 - p:Available',
  ]);
  assert.deepEqual(story({ services: [s], ledger: [entry('192.0.2.1', s)] }), [
    '192.0.2.1 PoolRemoved',
    'IPv4 192.0.2.1',
  ]);
});

test('a Service of the same name in another namespace has its own explanation, with the decision of the plan', () => {
  const services = [s, serviceIn('other', 's')];
  const given = { pools: [p], services };
  assert.deepEqual(story(given, 'other/s'), ['192.0.2.2', 'IPv4 192.0.2.2 p:Chosen']);
  const { decision } = explainAllocation(snapshotOf(given), 'other/s');
  assert.deepEqual(decision, plan(given).decisions[1]);
});
