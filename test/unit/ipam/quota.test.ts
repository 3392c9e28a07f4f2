/** The quota of addresses that a namespace may have of a pool. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownBy } from '../../oracle/wishes.ts';
import { entry, pool, service, serviceIn } from '../fixtures.ts';
import { lived } from './histories/live.ts';
import { written } from './histories/random.ts';
import { again, binds, check, decisionOf, outcomes, plan, showing } from './plans.ts';

const limited = (quota: number) => pool('p', ['192.0.2.1-192.0.2.9', '2001:db8::1-2001:db8::9'], { quota });
const q = pool('q', ['198.51.100.1-198.51.100.9']);
const names = ['a', 'b', 'c'] as const;
const [a, b, c] = names.map((name) => service(name)) as [typeof q & never, never, never] & ReturnType<typeof service>[];

test('each namespace gets as many addresses of a pool as the quota allows', () => {
  const elsewhere = serviceIn('other', 'd');
  check([
    {
      desc: 'the oldest',
      given: { pools: [limited(2)], services: [a, b, c, elsewhere] },
      expected: ['a 192.0.2.1', 'b 192.0.2.2', 'c QuotaExceeded', 'd 192.0.2.3'],
    },
    {
      desc: 'the other Services get addresses of the next pool',
      given: { pools: [limited(2), q], services: [a, b, c] },
      expected: ['a 192.0.2.1', 'b 192.0.2.2', 'c 198.51.100.1'],
    },
    {
      desc: 'asked for',
      given: { pools: [limited(1)], services: [a, service('b', { requests: ['192.0.2.5'] })] },
      expected: ['a 192.0.2.1', 'b QuotaExceeded'],
    },
    { desc: 'none', given: { pools: [limited(0)], services: [a] }, expected: ['a QuotaExceeded'] },
    {
      desc: 'the pool has none of that family: the quota is not the reason',
      given: { pools: [pool('p', ['2001:db8::1'], { quota: 0 })], services: [a] },
      expected: ['a NoPool'],
    },
  ]);
  const { message } = decisionOf(plan({ pools: [limited(0)], services: [a] }), 'a');
  assert.match(message, /^namespace default has reached the quota of pool p \(0 addresses per namespace\)/);
});

test('a namespace over the quota keeps its addresses', () => {
  const ledger = [entry('192.0.2.1', a), entry('192.0.2.2', b)];
  assert.deepEqual(outcomes(plan({ pools: [limited(1)], services: [a, b, c], ledger })), [
    'a 192.0.2.1',
    'b 192.0.2.2',
    'c QuotaExceeded',
  ]);
  assert.deepEqual(outcomes(plan({ pools: [limited(1)], services: [again(a), b], ledger })), [
    'a 192.0.2.1',
    'b 192.0.2.2',
  ]);
});

test('an address that the namespace already has costs nothing; an address of other namespaces does', () => {
  const key = { sharingKey: 'k' };
  const sharers = [service('a', key), service('b', { ...key, ports: [] })];
  const wide = { sharingKey: 'default,other/k' };
  const first = service('a', wide);
  const second = serviceIn('other', 'b', { ...wide, ports: [] });
  check([
    {
      desc: 'same namespace',
      given: { pools: [limited(1)], services: sharers },
      expected: ['a 192.0.2.1', 'b 192.0.2.1'],
    },
    {
      desc: 'same namespace, asked for',
      given: {
        pools: [limited(1)],
        services: [sharers[0], service('b', { ...key, ports: [], requests: ['192.0.2.1'] })] as never,
      },
      expected: ['a 192.0.2.1', 'b 192.0.2.1'],
    },
    {
      desc: 'another namespace, within its quota',
      given: { pools: [limited(1)], services: [first, second] },
      expected: ['a 192.0.2.1', 'b 192.0.2.1'],
    },
    {
      desc: 'another namespace, which has an address already',
      given: {
        pools: [limited(1)],
        services: [first, { ...serviceIn('other', 'z'), created: '2025-01-01T00:00:00Z' }, second],
      },
      expected: ['a 192.0.2.2', 'z 192.0.2.1', 'b QuotaExceeded'],
    },
  ]);
});

test('the addresses of both families count in the quota', () => {
  const both = { families: ['IPv4', 'IPv6'] as const };
  const prefers = service('a', { ...both, familyPolicy: 'PreferDualStack' });
  const requires = service('a', { ...both, familyPolicy: 'RequireDualStack' });
  check([
    {
      desc: 'two',
      given: { pools: [limited(2)], services: [prefers, b] },
      expected: ['a 192.0.2.1+2001:db8::1', 'b QuotaExceeded'],
    },
    {
      desc: 'one of two',
      given: { pools: [limited(1)], services: [prefers] },
      expected: ['a 192.0.2.1 PartiallyAllocated'],
    },
    {
      desc: 'both or none',
      given: { pools: [limited(1)], services: [requires, b] },
      expected: ['a QuotaExceeded', 'b 192.0.2.1'],
    },
    {
      desc: 'the second one from another pool',
      given: { pools: [limited(1), pool('six', ['2001:db8:1::1'])], services: [requires] },
      expected: ['a 192.0.2.1+2001:db8:1::1'],
    },
  ]);
});

test('an address kept back for a namespace, or after its use, counts in its quota', () => {
  const waiting = entry('192.0.2.1', service('gone'), { reservedUntil: 9 });
  const cooling = entry('192.0.2.1', service('gone'), { reservedUntil: 9, services: [] });
  const resting = { ...cooling, formerNamespaces: ['default'] };
  const leaving = entry('192.0.2.1', service('gone'));
  check([
    {
      desc: 'waiting',
      given: { pools: [limited(1)], services: [a], ledger: [waiting] },
      expected: ['a QuotaExceeded'],
    },
    {
      desc: 'for another namespace',
      given: { pools: [limited(1)], services: [serviceIn('other', 'a')], ledger: [waiting] },
      expected: ['a 192.0.2.2'],
    },
    {
      desc: 'resting',
      given: { pools: [limited(1)], services: [a, serviceIn('other', 'b')], ledger: [resting] },
      expected: ['a QuotaExceeded', 'b 192.0.2.2'],
    },
    {
      desc: 'resting, and an older version did not record after whose use',
      given: { pools: [limited(1)], services: [a], ledger: [cooling] },
      expected: ['a 192.0.2.2'],
    },
    {
      desc: 'not released yet',
      given: { pools: [limited(1)], services: [a], ledger: [leaving] },
      expected: ['a QuotaExceeded'],
    },
    {
      desc: 'the Service that comes back gets it',
      given: { pools: [limited(1)], services: [service('gone', { uid: 'new' })], ledger: [waiting] },
      expected: ['gone 192.0.2.1'],
    },
  ]);
});

test('a namespace that creates and deletes Services cannot use up a pool whose addresses rest', async () => {
  await lived({}, async ({ cluster, rest }) => {
    cluster.setPool('p', {
      addresses: ['192.0.2.1-192.0.2.4'],
      ...{ quota: { perNamespace: 2 }, retainFor: '10s', reuseAfter: '60s' },
    });
    for (let i = 0; i < 4; i++) {
      cluster.create('a/s', written({}));
      await rest();
      cluster.delete('a/s');
      await rest();
      cluster.wait(11_000);
      await rest();
    }
    cluster.create('b/s', written({}));
    await rest();
    assert.deepEqual(cluster.facts.services.map(shownBy), [['192.0.2.3']]);
    cluster.wait(60_000);
    await rest();
    cluster.create('a/s', written({}));
    await rest();
    assert.deepEqual(cluster.facts.services.map(shownBy).sort(), [['192.0.2.1'], ['192.0.2.3']]);
  });
});

test('after a pool is renamed, the addresses of a namespace count in it at once', () => {
  const ledger = [entry('192.0.2.1', a, { pool: 'former' }), entry('192.0.2.2', b, { pool: 'former' })];
  const of = plan({ pools: [limited(2)], services: [a, b, c], ledger });
  assert.deepEqual(outcomes(of), ['a 192.0.2.1', 'b 192.0.2.2', 'c QuotaExceeded']);
  assert.deepEqual(binds(of), ['update 192.0.2.1 p a', 'update 192.0.2.2 p b']);
});

test('adopted addresses count in the quota', () => {
  const shows = names.map((name, i) => service(name, showing(`192.0.2.${i + 4}`)));
  assert.deepEqual(outcomes(plan({ pools: [limited(2)], services: shows })), [
    'a 192.0.2.4',
    'b 192.0.2.5',
    'c QuotaExceeded, keeps status',
  ]);
});

test('a Service that requires both families gets them if the quota has room for both', async () => {
  await lived({}, async ({ cluster, rest }) => {
    const families = () => cluster.facts.services.flatMap(shownBy).map((address) => (address.includes(':') ? 6 : 4));
    cluster.setPool('p', { addresses: ['192.0.2.1', '2001:db8::1-2001:db8::2'], quota: { perNamespace: 2 } });
    cluster.create('a/s', written({ families: ['IPv6'] }));
    await rest();
    assert.deepEqual(families(), [6]);
    // It also asks for another address of the family that it has.
    const both = { families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack' };
    cluster.edit('a/s', written({ ...both, requests: ['2001:db8::2'] }));
    await rest();
    assert.ok(families().join() === '4,6', `it waits with only some of its addresses: families ${families()}`);
  });
});
