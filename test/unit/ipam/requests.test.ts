/** Requests of Services, and the outcome of requests that cannot be fulfilled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseService, type ServiceView } from '../../../src/api/service.ts';
import { entry, pool, service } from '../fixtures.ts';
import { assignedTo, binds, check, decisionOf, outcomes, plan, releases, showing, shown } from './plans.ts';

const p = pool('p', ['192.0.2.1-192.0.2.3', '2001:db8::1-2001:db8::3']);
const q = pool('q', ['198.51.100.1-198.51.100.2']);
const pools = [p, q];
const asks = (...requests: readonly string[]) => service('s', { requests });
const both = { families: ['IPv4', 'IPv6'] as const, familyPolicy: 'RequireDualStack' };

test('a Service gets the address that it asks for, or one reason why not', () => {
  const x = service('x');
  const taken = { pools, ledger: [entry('192.0.2.1', x)] };
  check([
    { desc: 'free', given: { pools, services: [asks('192.0.2.3')] }, expected: ['s 192.0.2.3'] },
    { desc: 'twice the same', given: { pools, services: [asks('192.0.2.3', '192.0.2.3')] }, expected: ['s 192.0.2.3'] },
    {
      desc: 'both families',
      given: { pools, services: [service('s', { ...both, requests: ['2001:DB8::3', '192.0.2.2'] })] },
      expected: ['s 192.0.2.2+2001:db8::3'],
    },
    {
      desc: 'one of two families',
      given: { pools, services: [service('s', { ...both, requests: ['2001:db8::3'] })] },
      expected: ['s 192.0.2.1+2001:db8::3'],
    },
    {
      desc: 'one address, written in two ways',
      given: { pools, services: [service('s', { families: ['IPv6'], requests: ['2001:db8::2', '2001:DB8:0::2'] })] },
      expected: ['s 2001:db8::2'],
    },
    {
      desc: 'of a pool that assigns only on request',
      given: { pools: [{ ...p, autoAssign: false }], services: [asks('192.0.2.1')] },
      expected: ['s 192.0.2.1'],
    },
    { desc: 'in no pool', given: { pools, services: [asks('203.0.113.1')] }, expected: ['s AddressNotInPool'] },
    { desc: 'no pools', given: { services: [asks('203.0.113.1')] }, expected: ['s AddressNotInPool'] },
    {
      desc: 'in use',
      given: { ...taken, services: [x, asks('192.0.2.1')] },
      expected: ['x 192.0.2.1', 's AddressInUse'],
    },
    {
      desc: 'in use by an unknown Service',
      given: { ...taken, services: [asks('192.0.2.1')] },
      expected: ['s AddressInUse'],
    },
    {
      desc: 'two of one family',
      given: { pools, services: [asks('192.0.2.1', '192.0.2.2')] },
      expected: ['s ConflictingRequest'],
    },
    {
      desc: 'of another family',
      given: { pools, services: [asks('2001:db8::1')] },
      expected: ['s ConflictingRequest'],
    },
    { desc: 'no address', given: { pools, services: [asks('any')] }, expected: ['s InvalidRequest'] },
    { desc: 'a prefix', given: { pools, services: [asks('192.0.2.1/32')] }, expected: ['s InvalidRequest'] },
    { desc: 'half an address', given: { pools, services: [asks('192.0.2')] }, expected: ['s InvalidRequest'] },
    { desc: 'a zone', given: { pools, services: [asks('fe80::1%eth0')] }, expected: ['s InvalidRequest'] },
    { desc: 'one good, one bad', given: { pools, services: [asks('192.0.2.1', 'x')] }, expected: ['s InvalidRequest'] },
  ]);
});

test('an IPv4-mapped IPv6 address is not that IPv4 address', () => {
  const mapped = (families: ServiceView['families']) => [service('s', { families, requests: ['::ffff:192.0.2.1'] })];
  check([
    { desc: 'IPv4', given: { pools, services: mapped(['IPv4']) }, expected: ['s ConflictingRequest'] },
    { desc: 'IPv6', given: { pools, services: mapped(['IPv6']) }, expected: ['s AddressNotInPool'] },
  ]);
});

test('a Service without families is an IPv4 Service', () => {
  assert.deepEqual(outcomes(plan({ pools, services: [service('s', { families: [] })] })), ['s 192.0.2.1']);
});

test('a message is short, however long the request is', () => {
  const { message } = decisionOf(plan({ pools, services: [asks('x'.repeat(5_000))] }), 's');
  assert.ok(message.length < 300, `${message.length}`);
  for (const [count, reason] of [
    [64, 'PoolNotFound'],
    [500, 'InvalidRequest'],
  ] as const) {
    const many = Array.from({ length: count }, (_, i) => `pool-${i}`);
    const named = decisionOf(plan({ pools, services: [service('s', { requestedPools: many })] }), 's');
    assert.equal(named.reason, reason);
    assert.ok(named.message.length < 300, named.message);
  }
});

test('a Service that asks for pools gets an address of the first that has one, and of no other', () => {
  const wants = (...requestedPools: readonly string[]) => service('s', { requestedPools });
  const byHand = { ...q, autoAssign: false };
  const x = service('x');
  const y = service('y');
  const full = {
    pools,
    ledger: [entry('198.51.100.1', x, { pool: 'q' }), entry('198.51.100.2', y, { pool: 'q' })],
  };
  check([
    { desc: 'one', given: { pools, services: [wants('q')] }, expected: ['s 198.51.100.1'] },
    {
      desc: 'only on request',
      given: { pools: [p, byHand], services: [wants('q')] },
      expected: ['s 198.51.100.1'],
    },
    { desc: 'in order', given: { pools, services: [wants('q', 'p')] }, expected: ['s 198.51.100.1'] },
    {
      desc: 'the first pool is full',
      given: { ...full, services: [x, y, wants('q', 'p')] },
      expected: ['x 198.51.100.1', 'y 198.51.100.2', 's 192.0.2.1'],
    },
    {
      desc: 'all are full, and another pool is not tried',
      given: { ...full, services: [x, y, wants('q')] },
      expected: ['x 198.51.100.1', 'y 198.51.100.2', 's PoolExhausted'],
    },
    { desc: 'unknown', given: { pools, services: [wants('nix')] }, expected: ['s PoolNotFound'] },
    { desc: 'one of them unknown', given: { pools, services: [wants('nix', 'q')] }, expected: ['s 198.51.100.1'] },
    {
      desc: 'an address of the pool',
      given: { pools, services: [service('s', { requests: ['198.51.100.2'], requestedPools: ['p', 'q'] })] },
      expected: ['s 198.51.100.2'],
    },
    {
      desc: 'an address outside of it',
      given: { pools, services: [service('s', { requests: ['192.0.2.1'], requestedPools: ['q'] })] },
      expected: ['s ConflictingRequest'],
    },
    {
      desc: 'an address, and a pool that does not exist',
      given: { pools, services: [service('s', { requests: ['192.0.2.1'], requestedPools: ['nix'] })] },
      expected: ['s ConflictingRequest'],
    },
  ]);
});

test('a request that cannot be fulfilled changes nothing, and the reason says so', () => {
  const had = (facts: object) => service('s', { ...facts, ...showing('192.0.2.2') });
  const x = service('x');
  const ledger = [entry('192.0.2.2', had({})), entry('192.0.2.3', x)];
  const rows: readonly [string, object, string][] = [
    ['in use', { requests: ['192.0.2.3'] }, 'AddressInUse'],
    ['in no pool', { requests: ['203.0.113.1'] }, 'AddressNotInPool'],
    ['no address', { requests: ['any'] }, 'InvalidRequest'],
    ['two of one family', { requests: ['192.0.2.1', '192.0.2.2'] }, 'ConflictingRequest'],
    ['of another family', { requests: ['2001:db8::1'] }, 'ConflictingRequest'],
    ['outside of the pool', { requests: ['192.0.2.1'], requestedPools: ['q'] }, 'ConflictingRequest'],
    ['a pool that does not exist', { requestedPools: ['nix'] }, 'PoolNotFound'],
    ['a key of another namespace', { sharingKey: 'other/key' }, 'InvalidRequest'],
  ];
  for (const [desc, facts, reason] of rows) {
    const of = plan({ pools, services: [had(facts), x], ledger });
    const { bindings, message, ...decision } = assignedTo(of, 's');
    assert.deepEqual([decision.reason, bindings.map(({ address }) => address)], [reason, ['192.0.2.2']], desc);
    assert.match(message, /; the Service keeps 192\.0\.2\.2$/, desc);
    assert.deepEqual([binds(of), releases(of)], [[], []], desc);
  }
});

test('a request that can be fulfilled moves the Service, and its former address is released', () => {
  const had = (facts: object) => service('s', { ...facts, ...showing('192.0.2.2') });
  const rows: readonly [string, object, string][] = [
    ['an address', { requests: ['192.0.2.3'] }, 'create 192.0.2.3 p s'],
    ['an address of another pool', { requests: ['198.51.100.2'] }, 'create 198.51.100.2 q s'],
    ['a pool', { requestedPools: ['q'] }, 'create 198.51.100.1 q s'],
  ];
  for (const [desc, facts, bind] of rows) {
    const given = { pools, services: [had(facts)], ledger: [entry('192.0.2.2', had({}))] };
    const of = plan(given);
    assert.equal(assignedTo(of, 's').reason, 'Allocated', desc);
    assert.deepEqual([binds(of), releases(of)], [[bind], []], `${desc}: not while the status shows it`);
    const then = plan(shown(given));
    assert.deepEqual([binds(then), releases(then)], [[], ['delete 192.0.2.2']], desc);
  }
  const stays = plan({ pools, services: [had({ requestedPools: ['q', 'p'] })], ledger: [entry('192.0.2.2', had({}))] });
  assert.deepEqual(outcomes(stays), ['s 192.0.2.2'], 'it is in one of the pools that it asks for');
});

test('an address that a Service leaves goes to no other Service before the ledger has released it', () => {
  const mover = service('a', { requests: ['192.0.2.3'], ...showing('192.0.2.2') });
  const waiting = service('b', { requests: ['192.0.2.2'] });
  const of = plan({ pools, services: [mover, waiting], ledger: [entry('192.0.2.2', mover)] });
  assert.deepEqual(outcomes(of), ['a 192.0.2.3', 'b AddressInUse']);
});

test('an address without an entry goes to no other Service while the status of a Service shows it', () => {
  const mover = service('a', { requests: ['192.0.2.3'], ...showing('192.0.2.1') });
  const services = [mover, service('b', { requests: ['192.0.2.1'] }), service('c')];
  assert.deepEqual(outcomes(plan({ pools, services })), ['a 192.0.2.3', 'b AddressInUse', 'c 192.0.2.2']);
});

test('a Service with a very long list of requests is refused, and only the start of the list is kept', () => {
  const typed = (annotations: Readonly<Record<string, string>>) =>
    parseService({
      metadata: { name: 's', namespace: 'default', uid: 'uid-s', resourceVersion: '1', annotations },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
  const list = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join();
  const rows: readonly [string, ServiceView, string][] = [
    ['64 pools', typed({ 'berth.dev/address-pool': list(64, (i) => (i === 9 ? 'p' : `x${i}`)) }), 's 192.0.2.1'],
    ['10,000 pools', typed({ 'berth.dev/address-pool': list(10_000, (i) => `p${i}`) }), 's InvalidRequest'],
    [
      '10,000 addresses',
      typed({ 'berth.dev/loadBalancerIPs': list(10_000, (i) => `2001:db8::${i}`) }),
      's InvalidRequest',
    ],
    [
      '17 spellings',
      typed({ 'berth.dev/loadBalancerIPs': list(17, (i) => `::${'0'.repeat(i + 1)}1`) }),
      's InvalidRequest',
    ],
  ];
  for (const [desc, long, expected] of rows) {
    assert.deepEqual(outcomes(plan({ pools, services: [long] })), [expected], desc);
    assert.ok(long.requests.length <= 17 && long.requestedPools.length <= 65, desc);
  }
  const held = { ...(rows[1]?.[1] ?? assert.fail()), ...showing('192.0.2.2') };
  const kept = plan({ pools, services: [held], ledger: [entry('192.0.2.2', held)] });
  assert.deepEqual(outcomes(kept), ['s 192.0.2.2 InvalidRequest'], 'it keeps the address that it has');
});
