/** Services that share an address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceView } from '../../../src/api/service.ts';
import { entry, pool, refTo, service, serviceIn } from '../fixtures.ts';
import { allocation, assignedTo, binds, check, decisionOf, outcomes, plan, releases, showing, shown } from './plans.ts';

const pools = [pool('p', ['192.0.2.1-192.0.2.4', '2001:db8::1-2001:db8::4'])];
const tcp = (...ports: readonly number[]) => ({ ports: ports.map((port) => ({ protocol: 'TCP', port })) });
const udp = (...ports: readonly number[]) => ({ ports: ports.map((port) => ({ protocol: 'UDP', port })) });
const local = (app: string) => ({ local: true, selector: JSON.stringify([['app', app]]) });
const key = { sharingKey: 'k' };

test('two Services share an address if key, ports and policy allow it', () => {
  const rows: readonly [string, Partial<ServiceView>, Partial<ServiceView>, boolean][] = [
    ['same key, other ports', { ...key, ...tcp(80) }, { ...key, ...tcp(443) }, true],
    ['same number, other protocol', { ...key, ...tcp(53) }, { ...key, ...udp(53) }, true],
    ['same port', { ...key, ...tcp(80) }, { ...key, ...tcp(443, 80) }, false],
    ['no ports', { ...key, ...tcp() }, { ...key, ...tcp(80) }, true],
    ['other key', { ...key, ...tcp(80) }, { sharingKey: 'l', ...tcp(443) }, false],
    ['a key and none', { ...key, ...tcp(80) }, tcp(443), false],
    ['no keys', tcp(80), tcp(443), false],
    ['both Local, same selector', { ...key, ...tcp(80), ...local('a') }, { ...key, ...tcp(443), ...local('a') }, true],
    [
      'both Local, other selectors',
      { ...key, ...tcp(80), ...local('a') },
      { ...key, ...tcp(443), ...local('b') },
      false,
    ],
    [
      'Local and Cluster',
      { ...key, ...tcp(80), ...local('a') },
      { ...key, ...tcp(443), selector: local('a').selector },
      false,
    ],
    [
      'both Cluster, other selectors',
      { ...key, ...tcp(80), selector: '[1]' },
      { ...key, ...tcp(443), selector: '[2]' },
      true,
    ],
  ];
  for (const [desc, a, b, share] of rows) {
    const services = [service('a', a), service('b', b)];
    assert.deepEqual(outcomes(plan({ pools, services })), ['a 192.0.2.1', `b 192.0.2.${share ? 1 : 2}`], desc);
    const asking = [service('a', a), service('b', { ...b, requests: ['192.0.2.1'] })];
    const expected = ['a 192.0.2.1', share ? 'b 192.0.2.1' : 'b AddressInUse'];
    assert.deepEqual(outcomes(plan({ pools, services: asking })), expected, `${desc}, asked for`);
  }
});

test('a sharing key is valid in the namespaces that it names, a plain one in its own namespace', () => {
  const rows: readonly [string, string, string, string, boolean][] = [
    ['plain keys of two namespaces', 'one', 'k', 'two', false],
    ['plain key, guessed by its full name', 'one', 'k', 'two', false],
    ['both are named', 'one', 'one,two/k', 'two', true],
  ];
  for (const [desc, from, text, to, share] of rows) {
    const services = [
      serviceIn(from, 'a', { sharingKey: text }),
      serviceIn(to, 'b', { sharingKey: text, ...tcp(443) }),
    ];
    assert.deepEqual(outcomes(plan({ pools, services })), ['a 192.0.2.1', `b 192.0.2.${share ? 1 : 2}`], desc);
  }
  const shares = (a: string, b: string) => {
    const services = [serviceIn('one', 'a', { sharingKey: a }), serviceIn('one', 'b', { sharingKey: b, ...tcp(443) })];
    return outcomes(plan({ pools, services }))[1];
  };
  assert.equal(shares('k', 'one/k'), 'b 192.0.2.1', 'the same key');
  assert.equal(shares('two,one/k', 'one, two/k'), 'b 192.0.2.1', 'the order of the names does not matter');
  assert.equal(shares('two,one/k', 'two , one / k'), 'b 192.0.2.1', 'spaces do not matter');
  assert.equal(shares('one/k', 'one,two/k'), 'b 192.0.2.2', 'for others');
  assert.equal(shares('one/a/b', 'one/a/b'), 'b 192.0.2.1', 'a slash in the key');
  assert.equal(shares('k', 'two/k'), 'b InvalidRequest', 'not for its own namespace');
  assert.equal(shares('k', '/k'), 'b InvalidRequest', 'for none');
  assert.equal(shares('k', 'x'.repeat(300)), 'b InvalidRequest', 'longer than an entry holds');
  assert.match(
    decisionOf(plan({ pools, services: [service('s', { sharingKey: 'a,b/k' })] }), 's').message,
    /namespaces a, b/,
  );
});

test('the entry alone decides which ports of a shared address are taken, even by an unknown Service', () => {
  const unknown = service('unknown', { ...key, ...tcp(80) });
  const known = { sharingKey: 'default/k' };
  const joins = (facts: Partial<ServiceView>) => [service('s', { ...key, ...facts })];
  const noPorts = [{ namespace: 'default', name: 'unknown', uid: 'uid-unknown' }];
  check([
    {
      desc: 'same port',
      given: { pools, services: joins(tcp(80)), ledger: [entry('192.0.2.1', unknown, known)] },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'Local may not join',
      given: { pools, services: joins({ ...tcp(443), ...local('a') }), ledger: [entry('192.0.2.1', unknown, known)] },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'its ports are unknown',
      given: {
        pools,
        services: joins(tcp(443)),
        ledger: [entry('192.0.2.1', unknown, { ...known, services: noPorts })],
      },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'other key',
      given: { pools, services: joins(tcp(443)), ledger: [entry('192.0.2.1', unknown, { sharingKey: 'default/l' })] },
      expected: ['s 192.0.2.2'],
    },
  ]);
  const joined = plan({ pools, services: joins(tcp(443)), ledger: [entry('192.0.2.1', unknown, known)] });
  assert.deepEqual(binds(joined), ['update 192.0.2.1 p unknown,s key default/k'], 'Services in the entry stay in it');
  assert.deepEqual(releases(joined), [], 'first the entry must name its present users');
  const both = {
    services: [unknown, ...joins(tcp(443))].map(refTo),
  };
  const named = plan({
    pools,
    services: joins(tcp(443)),
    ledger: [entry('192.0.2.1', unknown, { ...known, ...both })],
  });
  assert.deepEqual([binds(named), releases(named)], [[], ['update 192.0.2.1 p s key default/k']]);
  assert.deepEqual(
    named.releases[0]?.former.map(({ name }) => name),
    ['unknown'],
    'after it is known to be gone',
  );
});

test('the ports and the backends of two Services that share an address are in its entry', () => {
  const a = service('a', { ...key, ...tcp(80) });
  const b = service('b', { ...key, ...tcp(443) });
  const of = plan({ pools, services: [b, a], ledger: [] });
  const [bind] = of.binds.values();
  assert.deepEqual(bind?.spec.services, [
    { namespace: 'default', name: 'a', uid: 'uid-a', ports: a.ports, backends: 'Cluster' },
    { namespace: 'default', name: 'b', uid: 'uid-b', ports: b.ports, backends: 'Cluster' },
  ]);
  assert.equal(bind?.spec.sharingKey, 'default/k');
  const edited = plan({
    pools,
    services: [{ ...a, ...tcp(81) }],
    ledger: [entry('192.0.2.1', a, { sharingKey: 'default/k' })],
  });
  assert.deepEqual([...edited.binds.values()][0]?.spec.services[0]?.ports, tcp(81).ports, 'ports that changed');
});

/** a (80) and b (443) share 192.0.2.1 according to the ledger. */
const a = service('a', { ...key, ...tcp(80), ...showing('192.0.2.1') });
const b = service('b', { ...key, ...tcp(443), ...showing('192.0.2.1') });
const shared = entry('192.0.2.1', a, {
  sharingKey: 'default/k',
  services: [a, b].map(refTo),
});

test('of Services that can no longer share, the changed one leaves, or else the younger one', () => {
  const older = { created: '2025-01-01T00:00:00Z' };
  const rows: readonly [string, ServiceView, ServiceView, string, string][] = [
    ['b takes the port of a', a, { ...b, ...tcp(80) }, 'b', 'both use port TCP/80'],
    ['a, though older, takes the port of b', { ...a, ...tcp(443), ...older }, b, 'a', 'both use port TCP/443'],
    ['b has another key', a, { ...b, sharingKey: 'l' }, 'b', 'their sharing keys differ'],
    [
      'a has no key any more',
      { ...a, sharingKey: undefined, ...older },
      b,
      'a',
      'both Services need the annotation allow-shared-ip',
    ],
    // `keeping.test.ts` has the case that the older one becomes Local.
    ['b is Local now', a, { ...b, ...local('x') }, 'b', 'with externalTrafficPolicy Local, all'],
    ['both changed: the younger goes', { ...a, ...tcp(1), ...older }, { ...b, ...tcp(1) }, 'b', 'both use port TCP/1'],
  ];
  for (const [desc, first, second, leaver, why] of rows) {
    const given = { pools, services: [second, first], ledger: [shared] };
    const of = plan(given);
    const stayer = leaver === 'a' ? 'b' : 'a';
    assert.deepEqual([...outcomes(of)].sort(), [`${leaver} 192.0.2.2`, `${stayer} 192.0.2.1`].sort(), desc);
    const { evicted } = assignedTo(of, leaver);
    assert.equal(evicted?.reason, 'SharingConflict', desc);
    assert.match(evicted.message, new RegExp(`can no longer share 192\\.0\\.2\\.1: ${why}`), desc);
    assert.equal(assignedTo(of, stayer).evicted, undefined, desc);
    assert.deepEqual(of.releases, [], `${desc}: not while the status shows it`);
    assert.equal(plan(shown(given)).releases[0]?.former[0]?.name, leaver, desc);
  }
  const full = plan({ pools: [pool('p', ['192.0.2.1'])], services: [a, { ...b, ...tcp(80) }], ledger: [shared] });
  assert.deepEqual(outcomes(full), ['a 192.0.2.1', 'b SharingConflict']);
  assert.match(decisionOf(full, 'b').message, /; no free IPv4 address in pool p$/);
});

test('a port of a shared address stays with the Service that the entry records it for', () => {
  const older = { created: '2025-01-01T00:00:00Z' };
  const taker = { ...a, ...tcp(443), ...older };
  const rows: readonly [string, ServiceView, readonly string[]][] = [
    ['the other one has changed too', { ...b, ...tcp(443, 8443) }, ['a 192.0.2.2', 'b 192.0.2.1']],
    ['the other one gives the port up', { ...b, ...tcp(8443) }, ['a 192.0.2.1', 'b 192.0.2.1']],
    ['they swap their ports', { ...b, ...tcp(80) }, ['a 192.0.2.1', 'b 192.0.2.1']],
    ['the other one has another key', { ...b, sharingKey: 'l' }, ['a 192.0.2.2', 'b 192.0.2.1']],
    ['the other one terminates', { ...b, isLoadBalancer: false }, ['a 192.0.2.2']],
    ['the other one shows the address no more', { ...b, ...showing(), isLoadBalancer: false }, ['a 192.0.2.1']],
  ];
  for (const [desc, other, expected] of rows) {
    assert.deepEqual(outcomes(plan({ pools, services: [taker, other], ledger: [shared] })), expected, desc);
  }
  const gone = plan({ pools, services: [taker], ledger: [shared] });
  assert.deepEqual(outcomes(gone), ['a 192.0.2.1'], 'the other one is gone');
  const terminating = plan({ pools, services: [taker, { ...b, isLoadBalancer: false }], ledger: [shared] });
  assert.match(
    assignedTo(terminating, 'a').evicted?.message ?? '',
    /can no longer share 192\.0\.2\.1: both use port TCP\/443/,
  );
});

test('a Service that has other ports only is not in the way of one that has another policy', () => {
  const older = { created: '2025-01-01T00:00:00Z' };
  const rows: readonly [string, Partial<ServiceView>][] = [
    ['another policy', local('x')],
    ['another key', { sharingKey: 'l' }],
  ];
  for (const [desc, change] of rows) {
    const services = [
      { ...a, ...older, ...change },
      { ...b, ...tcp(443, 8443) },
    ];
    assert.deepEqual(outcomes(plan({ pools, services, ledger: [shared] })), ['a 192.0.2.2', 'b 192.0.2.1'], desc);
  }
});

test('a Service alone at its address may change its key, and other Services may join with the new one', () => {
  const changed = { ...a, sharingKey: 'new' };
  const joiner = service('c', { sharingKey: 'new', ...tcp(443) });
  const of = plan({ pools, services: [changed, joiner], ledger: [entry('192.0.2.1', a, { sharingKey: 'default/k' })] });
  assert.deepEqual(outcomes(of), ['a 192.0.2.1', 'c 192.0.2.1']);
  assert.deepEqual(binds(of), ['update 192.0.2.1 p a,c key default/new']);
});

test('a Service that had to leave and has its new entry already takes no third address', () => {
  const rows: readonly [string, ServiceView][] = [
    ['other ports', { ...b, ...tcp(80) }],
    ['another key', { ...b, sharingKey: 'l' }],
    ['no key', { ...b, sharingKey: undefined }],
    ['another policy', { ...b, ...local('x') }],
  ];
  for (const [desc, changed] of rows) {
    const to = changed.sharingKey && `default/${changed.sharingKey}`;
    const ledger = [shared, entry('192.0.2.2', changed, { sharingKey: to })];
    const given = { pools, services: [a, changed], ledger };
    const of = plan(given);
    assert.deepEqual([outcomes(of), binds(of)], [['a 192.0.2.1', 'b 192.0.2.2'], []], desc);
    assert.equal(assignedTo(of, 'b').evicted?.reason, 'SharingConflict', desc);
    assert.deepEqual(releases(plan(shown(given))), ['update 192.0.2.1 p a key default/k'], desc);
  }
});

test('the reason why a Service had to leave both addresses does not depend on the order of the entries', () => {
  const both = { families: ['IPv4', 'IPv6'] as const };
  const six = { ...shared, ...entry('2001:db8::1', a), sharingKey: shared.sharingKey, services: shared.services };
  const services = [
    { ...a, ...both },
    { ...b, ...both, ...tcp(80) },
  ];
  const one = plan({ pools, services, ledger: [shared, six] });
  const other = plan({ pools, services, ledger: [six, shared] });
  assert.deepEqual(one.decisions, other.decisions);
  assert.deepEqual(outcomes(one), ['a 192.0.2.1+2001:db8::1', 'b 192.0.2.2+2001:db8::2']);
});

test('an address is shared only if its pool may give the Service an address', () => {
  const fenced = [
    pool('p', ['192.0.2.1'], allocation({ serviceSelectors: [{ matchLabels: { a: 'b' } }] })),
    pool('q', ['192.0.2.9']),
  ];
  const first = service('a', { ...key, labels: { a: 'b' } });
  const second = service('b', { ...key, ...tcp(443) });
  assert.deepEqual(outcomes(plan({ pools: fenced, services: [first, second] })), ['a 192.0.2.1', 'b 192.0.2.9']);
  const resting = [pool('p', ['192.0.2.1'], { state: 'Cordoned' }), pool('q', ['192.0.2.9'])];
  const given = { pools: resting, services: [a, second], ledger: [entry('192.0.2.1', a, { sharingKey: 'default/k' })] };
  assert.deepEqual(outcomes(plan(given)), ['a 192.0.2.1', 'b 192.0.2.9'], 'a cordoned pool gives nothing new');
});

test('if one of the sharing Services leaves, the others stay, and the entry names them', () => {
  const of = plan({ pools, services: [b], ledger: [shared] });
  assert.deepEqual([outcomes(of), binds(of)], [['b 192.0.2.1'], []]);
  assert.deepEqual(releases(of), ['update 192.0.2.1 p b key default/k']);
  assert.deepEqual(
    of.releases[0]?.former.map(({ name }) => name),
    ['a'],
  );
});

test('a Service that is about to leave an address keeps no other one in its entry', () => {
  const moving = { ...a, requests: ['192.0.2.3'] };
  const of = plan({ pools, services: [moving], ledger: [shared] });
  assert.deepEqual([outcomes(of), releases(of)], [['a 192.0.2.3'], ['update 192.0.2.1 p a key default/k']]);
  assert.deepEqual(
    of.releases[0]?.former.map(({ name }) => name),
    ['b'],
  );
});

test('an entry has room for 128 Services', () => {
  const many = Array.from({ length: 130 }, (_, i) =>
    service(`s${String(i).padStart(3, '0')}`, { ...key, ...tcp(i + 1) }),
  );
  const addresses = outcomes(plan({ pools, services: many })).map((text) => text.split(' ')[1]);
  assert.equal(addresses.filter((address) => address === '192.0.2.1').length, 128);
  assert.equal(addresses.filter((address) => address === '192.0.2.2').length, 2);
  const refs = many.slice(0, 128).map(refTo);
  const ledger = [entry('192.0.2.1', a, { sharingKey: 'default/k', services: refs })];
  assert.deepEqual(
    outcomes(plan({ pools, services: many.slice(129), ledger })),
    ['s129 192.0.2.2'],
    'unknown ones count too',
  );
});

test('a Service that leaves a shared address keeps others from what it has there, now and before', () => {
  const left = { ...b, ...tcp(80) };
  const join = (facts: Partial<ServiceView>) => service('c', { ...key, ...facts, created: '2027-01-01T00:00:00Z' });
  const rows: readonly [string, ServiceView, Partial<ServiceView>, boolean][] = [
    ['the port that it had', left, tcp(443), false],
    ['the port that it has now', { ...b, ...tcp(8443, 80) }, tcp(8443), false],
    ['another port', left, tcp(25), true],
    ['its policy has changed', { ...b, ...local('x') }, tcp(25), false],
    ['its key has changed', { ...b, sharingKey: 'l' }, tcp(25), false],
  ];
  for (const [desc, changed, facts, joins] of rows) {
    const of = plan({ pools, services: [a, changed, join(facts)], ledger: [shared] });
    assert.deepEqual([outcomes(of)[0], assignedTo(of, 'b').evicted?.reason], ['a 192.0.2.1', 'SharingConflict'], desc);
    assert.equal(outcomes(of)[2] === 'c 192.0.2.1', joins, desc);
  }
});

test('a Service of an entry that an older version wrote keeps its address, and the entry is completed', () => {
  const services = [a, b].map(({ namespace, name, uid, ports }) => ({ namespace, name, uid, ports }));
  const of = plan({ pools, services: [a, b], ledger: [{ ...shared, services }] });
  assert.deepEqual(outcomes(of), ['a 192.0.2.1', 'b 192.0.2.1']);
  const [bind] = of.binds.values();
  assert.deepEqual(
    bind?.spec.services.map(({ backends }) => backends),
    ['Cluster', 'Cluster'],
  );
  assert.deepEqual(outcomes(plan({ pools, services: [a, { ...b, ...tcp(80) }], ledger: [{ ...shared, services }] })), [
    'a 192.0.2.1',
    'b 192.0.2.2',
  ]);
});

test('the entry records no more than its fields hold', () => {
  const long = { local: true, selector: JSON.stringify([['app', 'x'.repeat(2_000)]]) };
  const requests = [
    ['p', ...Array.from({ length: 20 }, (_, i) => `q${i}`)],
    ['p', 'x'.repeat(254)],
  ];
  for (const requestedPools of requests) {
    const of = plan({ pools, services: [service('a', { ...key, ...long, requestedPools })] });
    assert.deepEqual([...of.binds.values()][0]?.spec.services, [
      { namespace: 'default', name: 'a', uid: 'uid-a', ports: [{ protocol: 'TCP', port: 80 }] },
    ]);
  }
});

test('Services that share an address have together as many ports as its entry has room for', () => {
  const many = (from: number, count: number) => tcp(...Array.from({ length: count }, (_, i) => from + i));
  const [half, rest] = [many(1_000, 8_192), many(20_000, 8_192)];
  const room = service('b', { ...key, ...rest });
  const excess = service('b', { ...key, ...many(20_000, 8_193) });
  const first = service('a', { ...key, ...half });
  check([
    { desc: 'as many', given: { pools, services: [first, room] }, expected: ['a 192.0.2.1', 'b 192.0.2.1'] },
    { desc: 'one more', given: { pools, services: [first, excess] }, expected: ['a 192.0.2.1', 'b 192.0.2.2'] },
    {
      desc: 'one more after a change',
      given: {
        pools,
        services: [first, { ...excess, created: '2025-01-01T00:00:00Z' }],
        ledger: [entry('192.0.2.1', first, { sharingKey: 'default/k', services: [first, room].map(refTo) })],
      },
      expected: ['a 192.0.2.1', 'b 192.0.2.2'],
    },
    {
      desc: 'one Service with too many',
      given: { pools, services: [first, service('b', many(1, 16_385))] },
      expected: ['a 192.0.2.1', 'b InvalidRequest'],
    },
  ]);
  const edited = { ...first, ...many(1, 16_385), ...showing('192.0.2.1') };
  const of = plan({ pools, services: [edited], ledger: [entry('192.0.2.1', first, { sharingKey: 'default/k' })] });
  assert.deepEqual(outcomes(of), ['a 192.0.2.1 InvalidRequest'], 'it keeps the address that it has');
  const [bind] = of.binds.values();
  assert.deepEqual(bind?.spec.services, [{ namespace: 'default', name: 'a', uid: 'uid-a', backends: 'Cluster' }]);
});
