/** Services that show an address without a ledger entry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolView } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { entry, node, ownership, pool, service } from '../fixtures.ts';
import { allocation, binds, check, decisionOf, outcomes, plan, releases, showing, shownByOther } from './plans.ts';

const p = pool('p', ['192.0.2.1-192.0.2.3', '2001:db8::1-2001:db8::3']);
const pools = [p];
const older = { created: '2025-01-01T00:00:00Z' };
const s = service('s', showing('192.0.2.2'));

test('a lost ledger is restored from the addresses that Services show, before any other Service chooses', () => {
  const services = [service('new', older), service('s', showing('192.0.2.1'))];
  const of = plan({ pools, services });
  assert.deepEqual(outcomes(of), ['new 192.0.2.2', 's 192.0.2.1']);
  assert.deepEqual(binds(of), ['create 192.0.2.1 p s', 'create 192.0.2.2 p new']);
  const dual = service('d', { families: ['IPv4', 'IPv6'], ...showing('192.0.2.3', '2001:db8::3') });
  assert.deepEqual(binds(plan({ pools, services: [dual] })), ['create 192.0.2.3 p d', 'create 2001:db8::3 p d']);
  const keys = { sharingKey: 'k', ...showing('192.0.2.3') };
  const sharers = [service('a', keys), service('b', { ...keys, ports: [] })];
  assert.deepEqual(binds(plan({ pools, services: sharers })), ['create 192.0.2.3 p a,b key default/k']);
});

test('adoption obeys the rules of the pool; a Service continues to show an address that it may not have', () => {
  const without = (facts: Parameters<typeof allocation>[0]) => [{ ...p, ...allocation(facts) }];
  const fence = pool('fence', ['198.51.100.1'], allocation({ strict: true }));
  const kept = (reason: string) => [`s ${reason}, keeps status`];
  check([
    { desc: 'in no pool', given: { services: [s] }, expected: kept('AddressNotInPool') },
    {
      desc: 'not for this Service',
      given: { pools: without({ namespaces: ['x'] }), services: [s] },
      expected: kept('PoolNotAllowed'),
    },
    { desc: 'strict', given: { pools: [p, fence], services: [s] }, expected: kept('PoolNotAllowed') },
    { desc: 'quota', given: { pools: [{ ...p, quota: 0 }], services: [s] }, expected: kept('QuotaExceeded') },
    {
      desc: 'a node',
      given: { pools, services: [s], nodes: [node('n', { addresses: ['192.0.2.2' as never] })] },
      expected: kept('AddressInUse'),
    },
    {
      desc: 'kept back for another Service',
      given: { pools, services: [s], ledger: [entry('192.0.2.2', service('x'), { reservedUntil: 9 })] },
      expected: kept('AddressReserved'),
    },
    { desc: 'cordoned', given: { pools: [{ ...p, state: 'Cordoned' }], services: [s] }, expected: ['s 192.0.2.2'] },
    { desc: 'draining', given: { pools: [{ ...p, state: 'Draining' }], services: [s] }, expected: ['s 192.0.2.2'] },
    {
      desc: 'only on request',
      given: { pools: [{ ...p, autoAssign: false }], services: [s] },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'asks for a pool that does not exist',
      given: { pools, services: [{ ...s, requestedPools: ['q'] }] },
      expected: ['s 192.0.2.2 PoolNotFound'],
    },
    {
      desc: 'a request for another pool hides no rule',
      given: { pools: without({ namespaces: ['x'] }), services: [{ ...s, requestedPools: ['q'] }] },
      expected: kept('PoolNotFound'),
    },
  ]);
});

test('if two Services show the same address, the older one gets it, and the other one keeps its status', () => {
  const services = [service('young', showing('192.0.2.2')), service('old', { ...older, ...showing('192.0.2.2') })];
  const of = plan({ pools, services });
  assert.deepEqual(outcomes(of), ['young AdoptionConflict, keeps status', 'old 192.0.2.2']);
  const bound = plan({ pools, services, ledger: [entry('192.0.2.2', services[0] ?? s)] });
  assert.deepEqual(outcomes(bound), ['young 192.0.2.2', 'old AdoptionConflict, keeps status'], 'the ledger wins');
  const asks = (address: string) => [{ ...services[0], requests: [address] } as ServiceView, services[1] ?? s];
  const solved = plan({ pools, services: asks('192.0.2.3') });
  assert.deepEqual(outcomes(solved), ['young 192.0.2.3', 'old 192.0.2.2'], 'a request for another address solves it');
  const unsolved = plan({ pools, services: asks('203.0.113.1') });
  assert.deepEqual(outcomes(unsolved), ['young AddressNotInPool, keeps status', 'old 192.0.2.2']);
});

test('an address that a Service continues to show is given to no other Service', () => {
  const fence = pool(
    'fence',
    ['198.51.100.1'],
    allocation({ serviceSelectors: [{ matchLabels: { a: 'b' } }], strict: true }),
  );
  const barred = service('barred', { labels: { a: 'b' }, ...showing('192.0.2.1') });
  const asks = service('asks', { requests: ['192.0.2.1'] });
  const refused = 'barred PoolNotAllowed, keeps status';
  check([
    {
      desc: 'chosen',
      given: { pools: [p, fence], services: [barred, service('t')] },
      expected: [refused, 't 192.0.2.2'],
    },
    {
      desc: 'asked for',
      given: { pools: [p, fence], services: [barred, asks] },
      expected: [refused, 'asks AddressInUse'],
    },
    {
      desc: 'one of two families',
      given: {
        pools,
        services: [
          service('d', { families: ['IPv4', 'IPv6'], ...showing('192.0.2.1', '2001:db8::1') }),
          service('x', { ...older, ...showing('192.0.2.1') }),
          service('y', { ...older, families: ['IPv6'] }),
        ],
      },
      expected: ['d AdoptionConflict, keeps status', 'x 192.0.2.1', 'y 2001:db8::2'],
    },
    {
      desc: 'in either order of the families',
      given: {
        pools,
        services: [
          service('d', { families: ['IPv6', 'IPv4'], ...showing('2001:db8::1', '192.0.2.1') }),
          service('x', { ...older, ...showing('192.0.2.1') }),
          service('y', { ...older, families: ['IPv6'] }),
        ],
      },
      expected: ['d AdoptionConflict, keeps status', 'x 192.0.2.1', 'y 2001:db8::2'],
    },
  ]);
  const half = service('half', {
    families: ['IPv4', 'IPv6'],
    ...showing('192.0.2.1', '2001:db8::1'),
    requests: ['2001:db8::3'],
  });
  const six = service('six', { families: ['IPv6'], created: '2025-01-01T00:00:00Z' });
  const moves = plan({ pools, services: [half, six], ledger: [entry('192.0.2.1', half)] });
  assert.deepEqual(outcomes(moves), ['half 192.0.2.1+2001:db8::3', 'six 2001:db8::2'], 'shown next to its own');
  const of = plan({ pools: [p, fence], services: [barred], ledger: [] });
  assert.deepEqual([binds(of), releases(of)], [[], []]);
});

test('a request that cannot be fulfilled loses no address, even if the ledger was lost', () => {
  const x = service('x');
  const wish = service('s', { requests: ['192.0.2.3'], ...showing('192.0.2.2') });
  const of = plan({ pools, services: [wish, x], ledger: [entry('192.0.2.3', x)] });
  assert.deepEqual([outcomes(of), binds(of)], [['s 192.0.2.2 AddressInUse', 'x 192.0.2.3'], ['create 192.0.2.2 p s']]);
  const free = plan({ pools, services: [wish] });
  assert.deepEqual([outcomes(free), binds(free)], [['s 192.0.2.3'], ['create 192.0.2.3 p s']], 'no entry in between');
});

test('an address of a family that the Service no longer uses is not adopted', () => {
  const single = service('s', showing('192.0.2.1', '2001:db8::1'));
  assert.deepEqual(binds(plan({ pools, services: [single] })), ['create 192.0.2.1 p s']);
});

test("another program's status is adopted only if the class is Berth's or a setting says so", () => {
  const foreign = (facts: Partial<ServiceView>) => service('s', { ...shownByOther('192.0.2.2'), ...facts });
  const takeOver = { ...ownership, takeOver: true };
  const ours = { class: 'berth.dev/berth' };
  const left = ['s StatusContested, keeps status'];
  check([
    { desc: 'no class', given: { pools, services: [foreign({})] }, expected: left },
    { desc: 'our class', given: { pools, services: [foreign(ours)] }, expected: ['s 192.0.2.2'] },
    { desc: 'take over', given: { pools, services: [foreign({})], ownership: takeOver }, expected: ['s 192.0.2.2'] },
    {
      desc: 'take over only this Service',
      given: { pools, services: [foreign({ takeOver: true })] },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'take over, another class',
      given: { pools, services: [foreign({ class: 'x/y' })], ownership: takeOver },
      expected: [],
    },
    {
      desc: 'our class, in no pool',
      given: { services: [foreign(ours)] },
      expected: ['s AddressNotInPool, keeps status'],
    },
    {
      desc: 'has an entry, so Berth serves it',
      given: { pools, services: [foreign({})], ledger: [entry('192.0.2.3', s)] },
      expected: ['s 192.0.2.3'],
    },
    {
      desc: 'contested, whatever it asks for',
      given: { pools, services: [foreign({ requests: ['x'] })] },
      expected: left,
    },
    {
      desc: 'our class, bad request',
      given: { pools, services: [foreign({ ...ours, requests: ['x'] })] },
      expected: ['s 192.0.2.2 InvalidRequest'],
    },
  ]);
  const { message } = decisionOf(plan({ pools, services: [foreign({})] }), 's');
  assert.match(message, /written by metallb-controller/);
});

test('an address without an entry goes to the Service that shows it and asks for it, unless another one shows it too', () => {
  const overwritten = (name: string) => service(name, { ...shownByOther('192.0.2.1'), requests: ['192.0.2.1'] });
  const ledger = [entry('192.0.2.2', overwritten('a')), entry('192.0.2.3', overwritten('b'))];
  const one = { pools, services: [overwritten('a')], ledger: ledger.slice(0, 1) };
  const two = { pools, services: [overwritten('a'), overwritten('b')], ledger };
  check([
    { desc: 'one', given: one, expected: ['a 192.0.2.1'] },
    { desc: 'two', given: two, expected: ['a 192.0.2.2 AddressInUse', 'b 192.0.2.3 AddressInUse'] },
  ]);
});

test('a host name or nonsense in the status is no address', () => {
  const odd: ServiceView = { ...s, ingress: [{ hostname: 'x.example' }, { ip: 'nonsense' }, { ip: '' }] };
  assert.deepEqual(outcomes(plan({ pools, services: [odd] })), ['s 192.0.2.1']);
});

test('a Service that had to leave an address does not get it back because it still shows it', () => {
  const key = { sharingKey: 'k', ...showing('192.0.2.2') };
  const stays = service('a', key);
  const leaves = service('b', key);
  const ledger = [entry('192.0.2.2', stays, { sharingKey: 'default/k' })];
  const both = {
    ...ledger[0],
    services: [stays, leaves].map(({ namespace, name, uid, ports }) => ({ namespace, name, uid, ports })),
  };
  const of = plan({ pools, services: [stays, leaves], ledger: [both as never] });
  assert.deepEqual(outcomes(of), ['a 192.0.2.2', 'b 192.0.2.1']);
});

test('a pool that no longer accepts a Service does not take its address away', () => {
  const closed: readonly PoolView[] = [{ ...p, quota: 0, state: 'Draining', ...allocation({ namespaces: ['x'] }) }];
  assert.deepEqual(outcomes(plan({ pools: closed, services: [s], ledger: [entry('192.0.2.2', s)] })), ['s 192.0.2.2']);
});
