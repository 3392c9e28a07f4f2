/** The pool that a Service gets its address from, and the order in which it tries the pools. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoolTable } from '../../../src/ipam/pool-table.ts';
import { entry, namespace, node, pool, service, serviceIn } from '../fixtures.ts';
import { again, allocation, binds, check, outcomes, plan, shownByOther } from './plans.ts';

const old = { created: '2025-01-01T00:00:00Z' };
const s = service('s');
const p = pool('p', ['192.0.2.1-192.0.2.3']);

test('each Service gets the lowest free address, the oldest first, then by namespace and name', () => {
  const services = [service('b'), serviceIn('alpha', 'z'), service('a'), service('old', old)];
  const ledger = [entry('192.0.2.2', service('x'))];
  const given = { pools: [p], ledger, services };
  assert.deepEqual(outcomes(plan(given)), ['b PoolExhausted', 'z 192.0.2.3', 'a PoolExhausted', 'old 192.0.2.1']);
  assert.deepEqual(binds(plan(given)), ['create 192.0.2.1 p old', 'create 192.0.2.3 p z(uid-alpha-z)']);
});

test('the lowest address of a pool is the lowest of all its ranges', () => {
  const pools = [pool('p', ['192.0.2.9', '192.0.2.4/31', '192.0.2.1-192.0.2.2'])];
  const services = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => service(name));
  const addresses = outcomes(plan({ pools, services })).map((text) => text.split(' ')[1]);
  assert.deepEqual(addresses, ['192.0.2.1', '192.0.2.2', '192.0.2.4', '192.0.2.5', '192.0.2.9', 'PoolExhausted']);
});

test('if no pool gives an address, the reason says why', () => {
  const services = [s];
  check([
    { desc: 'no pool at all', given: { services }, expected: ['s NoPool'] },
    {
      desc: 'only on request',
      given: { services, pools: [{ ...p, autoAssign: false }] },
      expected: ['s NoPool'],
    },
    { desc: 'other family', given: { services, pools: [pool('p', ['2001:db8::/64'])] }, expected: ['s NoPool'] },
    { desc: 'empty', given: { services, pools: [pool('p', [])] }, expected: ['s NoPool'] },
    { desc: 'cordoned', given: { services, pools: [{ ...p, state: 'Cordoned' }] }, expected: ['s PoolNotActive'] },
    { desc: 'draining', given: { services, pools: [{ ...p, state: 'Draining' }] }, expected: ['s PoolNotActive'] },
    {
      desc: 'full',
      given: {
        services: [service('x'), s],
        pools: [pool('p', ['192.0.2.1'])],
        ledger: [entry('192.0.2.1', service('x'))],
      },
      expected: ['x 192.0.2.1', 's PoolExhausted'],
    },
  ]);
});

test('addresses of nodes, and addresses from other programs, are never given out', () => {
  const nodes = [node('n', { addresses: ['192.0.2.1' as never, '2001:db8::1' as never] })];
  const six = { families: ['IPv6' as const] };
  const asks = service('s', { requests: ['192.0.2.1'] });
  const metallb = service('m', shownByOther('192.0.2.1'));
  const contested = 'm StatusContested, keeps status';
  const otherClass = { ...metallb, class: 'metallb.io/x' };
  check([
    { desc: 'node', given: { pools: [p], nodes, services: [s] }, expected: ['s 192.0.2.2'] },
    {
      desc: 'node, IPv6',
      given: { pools: [pool('p', ['2001:db8::/126'])], nodes, services: [service('s', six)] },
      expected: ['s 2001:db8::'],
    },
    { desc: 'node, asked for', given: { pools: [p], nodes, services: [asks] }, expected: ['s AddressInUse'] },
    { desc: 'other program', given: { pools: [p], services: [metallb, s] }, expected: [contested, 's 192.0.2.2'] },
    {
      desc: 'of another program, asked for',
      given: { pools: [p], services: [metallb, asks] },
      expected: [contested, 's AddressInUse'],
    },
    { desc: 'other class', given: { pools: [p], services: [otherClass, s] }, expected: ['s 192.0.2.2'] },
    {
      desc: 'of another class, asked for',
      given: { pools: [p], services: [otherClass, asks] },
      expected: ['s AddressInUse'],
    },
    {
      desc: 'of a Service of ours whose status another program overwrote',
      given: { pools: [p], services: [metallb, s], ledger: [entry('192.0.2.3', metallb)] },
      expected: ['m 192.0.2.3', 's 192.0.2.2'],
    },
    {
      desc: 'a node gets an address that is in use: the Service keeps it',
      given: { pools: [p], nodes, services: [s], ledger: [entry('192.0.2.1', s)] },
      expected: ['s 192.0.2.1'],
    },
    {
      desc: 'a node gets an address that is in use: the Service, created again, gets another one',
      given: { pools: [p], nodes, services: [again(s)], ledger: [entry('192.0.2.1', s)] },
      expected: ['s 192.0.2.2'],
    },
  ]);
});

test('avoidBuggyIPs leaves out IPv4 addresses that end in .0 or .255, and nothing else', () => {
  const careful = pool('p', ['192.0.2.255-192.0.3.1', '2001:db8::-2001:db8::1'], { avoidBuggyIPs: true });
  const asks = (text: string) => service('s', { requests: [text] });
  const six = service('six', { families: ['IPv6'] });
  check([
    {
      desc: 'chosen',
      given: { pools: [careful], services: [s, six, service('t')] },
      expected: ['s 192.0.3.1', 'six 2001:db8::', 't PoolExhausted'],
    },
    { desc: '.255', given: { pools: [careful], services: [asks('192.0.2.255')] }, expected: ['s AddressNotInPool'] },
    { desc: '.0', given: { pools: [careful], services: [asks('192.0.3.0')] }, expected: ['s AddressNotInPool'] },
    {
      desc: 'one in use is kept',
      given: { pools: [careful], services: [s], ledger: [entry('192.0.3.0', s)] },
      expected: ['s 192.0.3.0'],
    },
  ]);
});

test('a younger pool loses the addresses of an older one, except those that the older one excludes', () => {
  const p = pool('p', ['192.0.2.1-192.0.2.3'], { created: '2026-01-01T00:00:00Z' });
  const older = pool('z', ['192.0.2.2'], { ...old, autoAssign: false });
  const asks = service('s', { requests: ['192.0.2.2'], requestedPools: ['p'] });
  check([
    {
      desc: 'chosen',
      given: { pools: [p, older], services: [service('a'), service('b'), service('c')] },
      expected: ['a 192.0.2.1', 'b 192.0.2.3', 'c PoolExhausted'],
    },
    {
      desc: 'asked for',
      given: { pools: [p, older], services: [asks] },
      expected: ['s ConflictingRequest'],
    },
    {
      desc: 'of the same age: the first one by name',
      given: { pools: [pool('b', ['192.0.2.1']), pool('a', ['192.0.2.1-192.0.2.2'])], services: [asks] },
      expected: ['s ConflictingRequest'],
    },
  ]);
  const shorter = { ...older, ranges: [] };
  assert.deepEqual(outcomes(plan({ pools: [p, shorter], services: [asks] })), ['s 192.0.2.2']);
});

test('the effective addresses of a pool are its own without those of all older pools', () => {
  const pools = [
    pool('b', ['192.0.2.0/29'], { created: '2026-02-01T00:00:00Z' }),
    pool('a', ['192.0.2.4/30', '2001:db8::/127'], { created: '2026-01-01T00:00:00Z' }),
    pool('c', ['192.0.2.2-192.0.2.9', '2001:db8::/126'], { created: '2026-03-01T00:00:00Z' }),
  ];
  const table = new PoolTable(pools, []);
  const sizes = table.pools.map(({ name, own }) => [name, own.map(({ first, last }) => Number(last - first) + 1)]);
  assert.deepEqual(sizes, [
    ['a', [4, 2]],
    ['b', [4]],
    ['c', [2, 2]],
  ]);
  assert.deepEqual(
    table.pools.map(({ overlaps }) => overlaps.map(({ older }) => older)),
    [[], ['a'], ['a', 'b']],
  );
  const homes = ['192.0.2.3', '192.0.2.4', '192.0.2.8', '192.0.2.10', '2001:db8::1', '2001:db8::2'];
  assert.deepEqual(
    homes.map((address) => table.poolOf(address as never)?.name),
    ['b', 'a', 'c', undefined, 'a', 'c'],
  );
});

/** The pools in the order in which they are tried, each with its fault if it has one. */
function order(pools: Parameters<typeof allocationPools>[0], of = s, namespaces = [namespace('default')]) {
  return new PoolTable(allocationPools(pools), namespaces)
    .ranked(of)
    .map(({ pool: { name }, fault }) => (fault === undefined ? name : `${name}:${fault}`))
    .join(' ');
}

function allocationPools(pools: Readonly<Record<string, Parameters<typeof allocation>[0] | undefined>>) {
  return Object.entries(pools).map(([name, facts]) => pool(name, ['192.0.2.1'], facts && allocation(facts)));
}

test('pools for the Service come first, by priority and name, then pools for all, by name', () => {
  const pools = { d: {}, b: undefined, e: { priority: 2 }, c: { priority: 10 }, f: { priority: 2 }, a: undefined };
  assert.equal(order(pools), 'e f c d a b');
  const asks = service('s', { requestedPools: ['b', 'x', 'd', 'b'] });
  assert.equal(
    order(pools, asks),
    'b d e:NotRequested f:NotRequested c:NotRequested a:NotRequested',
    'only the named ones, in that order',
  );
});

test('a pool is for a Service if the namespace and the labels match', () => {
  const namespaces = [namespace('default', { team: 'a' }), namespace('other', { team: 'b' })];
  const team = (value: string) => ({ matchLabels: { team: value } });
  const web = service('s', { labels: { app: 'web' } });
  const rows: readonly [string, Parameters<typeof allocation>[0], boolean][] = [
    ['no rule', {}, true],
    ['priority alone', { priority: 3 }, true],
    ['namespace', { namespaces: ['x', 'default'] }, true],
    ['another namespace', { namespaces: ['other'] }, false],
    ['labels of the namespace', { namespaceSelectors: [team('x'), team('a')] }, true],
    ['labels of another namespace', { namespaceSelectors: [team('b')] }, false],
    ['labels of no namespace', { namespaceSelectors: [team('none')] }, false],
    ['every namespace', { namespaceSelectors: [{}] }, true],
    ['name or labels: labels', { namespaces: ['other'], namespaceSelectors: [team('a')] }, true],
    ['name or labels: name', { namespaces: ['default'], namespaceSelectors: [team('b')] }, true],
    [
      'labels of the Service',
      { serviceSelectors: [{ matchLabels: { app: 'x' } }, { matchLabels: { app: 'web' } }] },
      true,
    ],
    ['other labels', { serviceSelectors: [{ matchLabels: { app: 'x' } }] }, false],
    ['namespace but not labels', { namespaces: ['default'], serviceSelectors: [{ matchLabels: { app: 'x' } }] }, false],
    ['labels but not namespace', { namespaces: ['other'], serviceSelectors: [{ matchLabels: { app: 'web' } }] }, false],
  ];
  for (const [desc, facts, fits] of rows) {
    assert.equal(order({ p: facts }, web, namespaces), fits ? 'p' : 'p:NotForService', desc);
    const given = { namespaces, services: [{ ...web, requests: ['192.0.2.1'] }], pools: allocationPools({ p: facts }) };
    assert.deepEqual(outcomes(plan(given)), [fits ? 's 192.0.2.1' : 's PoolNotAllowed'], `${desc}, asked for`);
  }
});

test('a namespace that is not known yet has no labels that a selector could match', () => {
  const absent = { namespaceSelectors: [{ matchExpressions: [{ key: 'tenant', operator: 'DoesNotExist' as const }] }] };
  assert.equal(order({ p: absent }, s, []), 'p:NotForService');
  assert.equal(order({ p: { namespaceSelectors: [{}] } }, s, []), 'p:NotForService');
  assert.equal(order({ p: { namespaces: ['default'] } }, s, []), 'p', 'its name is known');
});

test('the Services of a strict pool get addresses of strict pools only', () => {
  const fence = { namespaces: ['default'], strict: true };
  const elsewhere = serviceIn('other', 's');
  assert.equal(
    order({ a: undefined, b: { namespaces: ['default'] }, c: fence }),
    'b:RestrictedToStrictPools c a:RestrictedToStrictPools',
  );
  assert.equal(order({ a: undefined, c: fence, d: { ...fence, priority: 1 } }), 'd c a:RestrictedToStrictPools');
  assert.equal(order({ a: undefined, c: fence }, elsewhere), 'a c:NotForService');
  const asksFor = (facts: object) => [service('s', facts)];
  const pools = [pool('open', ['192.0.2.1']), pool('fence', ['192.0.2.9'], allocation(fence))];
  const full = [entry('192.0.2.9', service('x'), { pool: 'fence' })];
  check([
    { desc: 'chosen', given: { pools, services: [s] }, expected: ['s 192.0.2.9'] },
    {
      desc: 'full: it waits',
      given: { pools, services: [service('x'), s], ledger: full },
      expected: ['x 192.0.2.9', 's PoolExhausted'],
    },
    {
      desc: 'an address outside',
      given: { pools, services: asksFor({ requests: ['192.0.2.1'] }) },
      expected: ['s PoolNotAllowed'],
    },
    {
      desc: 'a pool outside',
      given: { pools, services: asksFor({ requestedPools: ['open'] }) },
      expected: ['s PoolNotAllowed'],
    },
    {
      desc: 'even a strict pool without free addresses restricts its Services',
      given: { pools: [pool('open', ['192.0.2.1']), { ...pools[1], state: 'Cordoned' } as never], services: [s] },
      expected: ['s PoolNotActive'],
    },
    {
      desc: 'it keeps the address that it has',
      given: { pools, services: [s], ledger: [entry('192.0.2.1', s, { pool: 'open' })] },
      expected: ['s 192.0.2.1'],
    },
    {
      desc: 'but not when it is created again',
      given: { pools, services: [again(s)], ledger: [entry('192.0.2.1', s, { pool: 'open' })] },
      expected: ['s 192.0.2.9'],
    },
  ]);
});
