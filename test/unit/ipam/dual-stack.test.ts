/** Services with one family or both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolView } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { entry, pool, service } from '../fixtures.ts';
import { allocation, binds, check, decisionOf, outcomes, plan, releases, showing, shown } from './plans.ts';

const four = pool('four', ['192.0.2.1-192.0.2.2']);
const six = pool('six', ['2001:db8::1-2001:db8::2']);
const both = pool('zz-both', ['198.51.100.1', '2001:db8:1::1']);
const dual = { families: ['IPv4', 'IPv6'] as const };
const requires = (name: string, facts: Partial<ServiceView> = {}) =>
  service(name, { ...dual, familyPolicy: 'RequireDualStack', ...facts });
const prefers = (name: string, facts: Partial<ServiceView> = {}) =>
  service(name, { ...dual, familyPolicy: 'PreferDualStack', ...facts });

test('a Service gets the families of its spec, in its order', () => {
  const pools = [four, six];
  const reversed = { families: ['IPv6', 'IPv4'] as const };
  check([
    { desc: 'IPv4', given: { pools, services: [service('s')] }, expected: ['s 192.0.2.1'] },
    { desc: 'IPv6', given: { pools, services: [service('s', { families: ['IPv6'] })] }, expected: ['s 2001:db8::1'] },
    { desc: 'both', given: { pools, services: [requires('s')] }, expected: ['s 192.0.2.1+2001:db8::1'] },
    {
      desc: 'both, IPv6 first',
      given: { pools, services: [requires('s', reversed)] },
      expected: ['s 2001:db8::1+192.0.2.1'],
    },
    {
      desc: 'a policy does not add a second family',
      given: { pools, services: [service('s', { familyPolicy: 'PreferDualStack' })] },
      expected: ['s 192.0.2.1'],
    },
    {
      desc: 'from the ledger, in the order of the Service',
      given: {
        pools,
        services: [prefers('s', reversed)],
        ledger: [
          entry('192.0.2.1', service('s'), { pool: 'four' }),
          entry('2001:db8::1', service('s'), { pool: 'six' }),
        ],
      },
      expected: ['s 2001:db8::1+192.0.2.1'],
    },
  ]);
});

test('a pool with both families comes before the order of the pools; without one, each family has its own pool', () => {
  const six0 = pool('six0', ['2001:db8:2::1']);
  const onlyFour = pool('a-both', ['198.51.100.9', '2001:db8:9::1']);
  const full = [entry('198.51.100.9', service('x'), { pool: 'a-both' })];
  check([
    {
      desc: 'one pool',
      given: { pools: [four, six, both], services: [prefers('s')] },
      expected: ['s 198.51.100.1+2001:db8:1::1'],
    },
    {
      desc: 'even against the priority',
      given: { pools: [pool('four', ['192.0.2.1'], allocation({ priority: 1 })), both], services: [prefers('s')] },
      expected: ['s 198.51.100.1+2001:db8:1::1'],
    },
    {
      desc: 'the first of several',
      given: { pools: [both, onlyFour], services: [prefers('s')] },
      expected: ['s 198.51.100.9+2001:db8:9::1'],
    },
    {
      desc: 'both must be free',
      given: { pools: [four, onlyFour, both], services: [prefers('s')], ledger: full },
      expected: ['s 198.51.100.1+2001:db8:1::1'],
    },
    {
      desc: 'no pool has both: each family from its first pool',
      given: { pools: [four, six, six0, onlyFour], services: [prefers('s')], ledger: full },
      expected: ['s 192.0.2.1+2001:db8:9::1'],
    },
    {
      desc: 'the second family from the pool of the first',
      given: {
        pools: [six, both],
        services: [prefers('s')],
        ledger: [entry('198.51.100.1', prefers('s'), { pool: 'zz-both' })],
      },
      expected: ['s 198.51.100.1+2001:db8:1::1'],
    },
    {
      desc: 'even if that one was asked for',
      given: { pools: [four, six, both], services: [prefers('s', { requests: ['198.51.100.1'] })] },
      expected: ['s 198.51.100.1+2001:db8:1::1'],
    },
  ]);
});

test('with RequireDualStack a Service waits for both families, and holds no address meanwhile', () => {
  const services = [requires('s'), service('t', { created: '2026-01-02T00:00:00Z' })];
  const of = plan({ pools: [pool('four', ['192.0.2.1'])], services });
  assert.deepEqual(outcomes(of), ['s NoPool', 't 192.0.2.1'], 'other Services get what it cannot use');
  assert.match(decisionOf(of, 's').message, /^RequireDualStack: /);
  assert.deepEqual(binds(of), ['create 192.0.2.1 four t']);
  const shared = [requires('s', { sharingKey: 'k' }), service('t', { sharingKey: 'k', ports: [] })];
  assert.deepEqual(binds(plan({ pools: [four], services: shared })), ['create 192.0.2.1 four t key default/k']);
});

test('with RequireDualStack a Service keeps the address in its status while the other family is missing', () => {
  const shows = showing('192.0.2.1');
  const ledger = [entry('192.0.2.1', requires('s'), { pool: 'four' })];
  const pools = [four];
  const rows: readonly [string, ServiceView, string, readonly string[]][] = [
    ['shown', requires('s', shows), 's 192.0.2.1 NoPool', []],
    ['not shown, after a crash before the status was written', requires('s'), 's NoPool', ['delete 192.0.2.1']],
    ['shown, and asks for another', requires('s', { ...shows, requests: ['192.0.2.2'] }), 's 192.0.2.1 NoPool', []],
    [
      'shown, and asks for another pool',
      requires('s', { ...shows, requestedPools: ['nix'] }),
      's 192.0.2.1 PoolNotFound',
      [],
    ],
  ];
  for (const [desc, svc, expected, released] of rows) {
    const of = plan({ pools, services: [svc], ledger });
    assert.deepEqual([outcomes(of), binds(of), releases(of)], [[expected], [], released], desc);
  }
  const lost = plan({ pools, services: [requires('s', { ...shows, requests: ['192.0.2.2'] })] });
  assert.deepEqual([outcomes(lost), binds(lost)], [['s 192.0.2.1 NoPool'], ['create 192.0.2.1 four s']], 'entry lost');
});

test('with PreferDualStack a Service takes one address, and the one of the second family later', () => {
  const first = plan({ pools: [four], services: [prefers('s')] });
  assert.deepEqual(outcomes(first), ['s 192.0.2.1 PartiallyAllocated']);
  assert.match(
    decisionOf(first, 's').message,
    /^192\.0\.2\.1 from pool four; no pool can assign this Service an IPv6 address/,
  );
  const had = prefers('s', showing('192.0.2.1'));
  const later = plan({ pools: [four, six], services: [had], ledger: [entry('192.0.2.1', had, { pool: 'four' })] });
  assert.deepEqual([outcomes(later), binds(later)], [['s 192.0.2.1+2001:db8::1'], ['create 2001:db8::1 six s']]);
  assert.deepEqual(outcomes(plan({ pools: [six], services: [prefers('s')] })), ['s 2001:db8::1 PartiallyAllocated']);
  assert.deepEqual(outcomes(plan({ pools: [], services: [prefers('s')] })), ['s NoPool']);
  const wish = prefers('s', { requests: ['2001:db8::9'] });
  assert.deepEqual(outcomes(plan({ pools: [four, six], services: [wish] })), ['s 192.0.2.1 PartiallyAllocated']);
});

test('a Service that goes back to one family gives back the address of the other one', () => {
  const pools = [four, six];
  const ledger = [
    entry('192.0.2.1', service('s'), { pool: 'four' }),
    entry('2001:db8::1', service('s'), { pool: 'six' }),
  ];
  const both = showing('192.0.2.1', '2001:db8::1');
  const given = { pools, services: [service('s', both)], ledger };
  assert.deepEqual([outcomes(plan(given)), releases(plan(given))], [['s 192.0.2.1'], []], 'not while it is shown');
  assert.deepEqual(releases(plan(shown(given))), ['delete 2001:db8::1']);
  const kept = { ...six, retainMs: 1_000, reuseAfterMs: 500 } satisfies PoolView;
  const cooled = plan(shown({ ...given, pools: [four, kept] }));
  assert.deepEqual(releases(cooled), ['update 2001:db8::1 six - until 500'], 'it moved: not retained, but kept back');
});

test('a Service that asks for another pool moves the families that this pool has', () => {
  const pools = [four, six, both];
  const had = prefers('s', { ...showing('192.0.2.1', '2001:db8::1'), requestedPools: ['zz-both'] });
  const ledger = [entry('192.0.2.1', had, { pool: 'four' }), entry('2001:db8::1', had, { pool: 'six' })];
  const given = { pools, services: [had], ledger };
  assert.deepEqual(outcomes(plan(given)), ['s 198.51.100.1+2001:db8:1::1']);
  assert.deepEqual(releases(plan(shown(given))), ['delete 192.0.2.1', 'delete 2001:db8::1']);
  const x = service('x', { families: ['IPv6'] });
  const full = [...ledger, entry('2001:db8:1::1', x, { pool: 'zz-both' })];
  assert.deepEqual(
    outcomes(plan({ pools, services: [had, x], ledger: full }))[0],
    's 198.51.100.1+2001:db8::1 PoolExhausted',
  );
});
