/** Entries of the ledger: what must be written, what must be released, and when an address that is kept back becomes free. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolView } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { entry, ownership, pool, refTo, service } from '../fixtures.ts';
import { again, binds, check, outcomes, plan, releases, showing, shown } from './plans.ts';

const p = pool('p', ['192.0.2.1-192.0.2.3']);
const s = service('s');
const shows = service('s', showing('192.0.2.2'));
const condition = {
  type: 'berth.dev/Allocated',
  status: 'True',
  reason: '',
  message: '',
  lastTransitionTime: '',
} as const;

test('a Service keeps its address, whatever happens to the pools', () => {
  const ledger = [entry('192.0.2.2', s)];
  const rows: readonly [string, readonly PoolView[], string][] = [
    ['unchanged', [p], 's 192.0.2.2'],
    ['none left', [], 's 192.0.2.2 PoolRemoved'],
    ['only another pool', [pool('other', ['198.51.100.1'])], 's 192.0.2.2 PoolRemoved'],
    ['the address excluded', [pool('p', ['192.0.2.1'])], 's 192.0.2.2 PoolRemoved'],
    ['no longer for every Service', [{ ...p, autoAssign: false }], 's 192.0.2.2'],
    ['cordoned', [{ ...p, state: 'Cordoned' }], 's 192.0.2.2'],
    ['draining', [{ ...p, state: 'Draining' }], 's 192.0.2.2'],
    ['a better pool', [p, pool('a', ['198.51.100.1'])], 's 192.0.2.2'],
  ];
  for (const [desc, pools, expected] of rows) {
    const of = plan({ pools, services: [s], ledger });
    assert.deepEqual([outcomes(of), binds(of), releases(of)], [[expected], [], []], desc);
  }
});

test('a plan that was carried out leaves nothing to do', () => {
  const of = plan({ pools: [p], services: [service('s', showing('192.0.2.1'))], ledger: [entry('192.0.2.1', s)] });
  assert.deepEqual([binds(of), releases(of), of.strays, of.nextAt], [[], [], [], undefined]);
});

test('a released address goes to the next Service, the lowest first', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => service(name)) as [ServiceView, ServiceView, ServiceView];
  const all = { pools: [p], services: [a, b, c] };
  const full = shown(all);
  const ofGone = plan({ ...full, services: full.services?.filter(({ name }) => name !== 'b') ?? [] });
  assert.deepEqual(releases(ofGone), ['delete 192.0.2.2']);
  const services = [...(full.services ?? []).filter(({ name }) => name !== 'b'), service('d'), again(b)];
  const ledger = full.ledger?.filter(({ address }) => address !== '192.0.2.2') ?? [];
  assert.deepEqual(outcomes(plan({ pools: [p], services, ledger })), [
    'a 192.0.2.1',
    'c 192.0.2.3',
    'd PoolExhausted',
    'b 192.0.2.2',
  ]);
});

test('if a pool is renamed or split, the addresses count for the pool that now contains them', () => {
  const older = { created: '2025-01-01T00:00:00Z' };
  const rows: readonly [string, readonly PoolView[], readonly string[]][] = [
    ['renamed', [pool('q', ['192.0.2.2'])], ['update 192.0.2.2 q s']],
    ['split', [pool('p', ['192.0.2.1']), pool('q', ['192.0.2.2'])], ['update 192.0.2.2 q s']],
    ['gone', [], []],
    ['its pool still contains it, and an older one too', [p, pool('q', ['192.0.2.2'], older)], []],
  ];
  for (const [desc, pools, expected] of rows) {
    const of = plan({ pools, services: [s], ledger: [entry('192.0.2.2', s)] });
    assert.deepEqual([binds(of), releases(of)], [expected, []], desc);
  }
});

test('of two entries after a crash, a Service keeps the requested address, else the shown one, else the lowest one', () => {
  const ledger = [entry('192.0.2.3', s), entry('192.0.2.1', s), entry('192.0.2.2', s)];
  const q = pool('q', ['192.0.2.3'], { created: '2025-01-01T00:00:00Z' });
  const fulfills = { pool: 'q', services: [{ ...refTo(s), requestedPools: ['q'] }] };
  const elsewhere = ledger.map((one) => (one.address === '192.0.2.3' ? { ...one, ...fulfills } : one));
  const rows: readonly [string, ServiceView, readonly PoolView[], string][] = [
    ['requested', service('s', { requests: ['192.0.2.1'], ...showing('192.0.2.2') }), [p], '192.0.2.1'],
    ['of a requested pool', service('s', { requestedPools: ['q'], ...showing('192.0.2.2') }), [p, q], '192.0.2.3'],
    ['shown', service('s', showing('192.0.2.2')), [p], '192.0.2.2'],
    ['lowest', s, [p], '192.0.2.1'],
  ];
  for (const [desc, svc, pools, kept] of rows) {
    const given = { pools, services: [svc], ledger: pools.includes(q) ? elsewhere : ledger };
    const of = plan(given);
    const others = ledger.map(({ address }) => address).filter((address) => address !== kept);
    assert.deepEqual([outcomes(of), binds(of)], [[`s ${kept}`], []], desc);
    const then = plan(shown(given));
    assert.deepEqual(releases(then), others.map((address) => `delete ${address}`).sort(), `${desc}: once it is shown`);
  }
});

test('a Service keeps its former address until it shows the new one, because another controller may still show the former one', () => {
  const anew = service('s', { requests: ['192.0.2.3'] });
  const ledger = [entry('192.0.2.2', s), entry('192.0.2.3', s)];
  const before = { pools: [p], services: [anew, service('t', { requests: ['192.0.2.2'] })], ledger };
  const of = plan(before);
  assert.deepEqual([outcomes(of), releases(of)], [['s 192.0.2.3', 't AddressInUse'], []]);
  assert.deepEqual(releases(plan(shown(before))), ['delete 192.0.2.2']);
});

test('a Service that was created again under its name has the address of the former one', () => {
  const ledger = [entry('192.0.2.2', s)];
  const anew = again(s);
  const of = plan({ pools: [p], services: [anew], ledger });
  assert.deepEqual([outcomes(of), releases(of)], [['s 192.0.2.2'], []]);
  assert.deepEqual(binds(of), ['update 192.0.2.2 p s(uid-s-again)']);
  const former = [...of.binds.values()].flatMap((bind) => bind.former.map(({ uid }) => uid));
  assert.deepEqual(former, ['uid-s'], 'the Service that must really be gone');
  const moved = plan({ pools: [p], services: [again(s, { requests: ['192.0.2.3'] })], ledger });
  assert.deepEqual(binds(moved), ['create 192.0.2.3 p s(uid-s-again)'], 'unless it asks for another address');
  assert.deepEqual(releases(moved), ['delete 192.0.2.2']);
  const own = [...ledger, entry('192.0.2.3', anew)];
  assert.deepEqual(
    outcomes(plan({ pools: [p], services: [anew], ledger: own })),
    ['s 192.0.2.3'],
    'its own entry comes first',
  );
  const other = { ...again(s), namespace: 'other', key: 'other/s' };
  assert.deepEqual(outcomes(plan({ pools: [p], services: [other], ledger })), ['s 192.0.2.1'], 'another namespace');
});

test('a Service that was created again does not return to an address that another one still shows, unless both may share it', () => {
  const key = { sharingKey: 'k' };
  const [first, second] = [80, 81].map((port) => ({ ...key, ports: [{ protocol: 'TCP', port }] }));
  // It moves to the address that it requests, and its status does not show that yet.
  const leaving = service('leaving', { ...first, ...showing('192.0.2.2'), requests: ['192.0.2.3'] });
  const services = [leaving, s].map(({ namespace, name, uid }) => ({ namespace, name, uid, ports: leaving.ports }));
  const ledger = [
    entry('192.0.2.2', leaving, { services, sharingKey: 'default/k' }),
    entry('192.0.2.3', leaving, { sharingKey: 'default/k' }),
  ];
  const of = (back: ServiceView, moving = leaving) => outcomes(plan({ pools: [p], services: [moving, back], ledger }));
  const moved = 'leaving 192.0.2.3';
  assert.deepEqual(of(again(s)), [moved, 's 192.0.2.1'], 'no key');
  assert.deepEqual(of(again(s, first)), [moved, 's 192.0.2.1'], 'the same port');
  assert.deepEqual(of(again(s, second)), [moved, 's 192.0.2.2'], 'both may share it');
  const gone = { ...leaving, ...showing('192.0.2.3') };
  assert.deepEqual(of(again(s), gone), [moved, 's 192.0.2.2'], 'it shows the other one');
});

test('entries of Services that are gone, or no LoadBalancers any more, are released', () => {
  const typed = service('typed', { isLoadBalancer: false, conditions: [condition] });
  const ledger = [entry('192.0.2.1', service('gone')), entry('192.0.2.3', typed)];
  const of = plan({ pools: [p], services: [typed], ledger });
  assert.deepEqual(releases(of), ['delete 192.0.2.1', 'delete 192.0.2.3']);
  assert.deepEqual(
    of.releases.map(({ former }) => former.map(({ name }) => name)),
    [['gone'], ['typed']],
  );
  assert.deepEqual([of.decisions, of.strays], [[], [typed]]);
});

test('Berth serves a Service with an entry, even if its class no longer matches, as long as its type is LoadBalancer', () => {
  const rules = { ...ownership, withoutClass: false };
  const of = plan({ pools: [p], services: [s], ledger: [entry('192.0.2.2', s)], ownership: rules });
  assert.deepEqual([outcomes(of), releases(of), of.strays], [['s 192.0.2.2'], [], []]);
  const typed = service('s', { isLoadBalancer: false, class: undefined, conditions: [condition] });
  const gone = plan({ pools: [p], services: [typed], ledger: [entry('192.0.2.2', s)], ownership: rules });
  assert.deepEqual([gone.decisions, releases(gone), gone.strays], [[], ['delete 192.0.2.2'], [typed]]);
});

test('an address that only waits for a Service does not make Berth serve the Service', () => {
  const kept = entry('192.0.2.2', s, { reservedUntil: 1_000 });
  const theirs = service('s', { class: 'metallb.io/x' });
  const of = plan({ pools: [{ ...p, retainMs: 1_000 }], services: [theirs], ledger: [kept] });
  assert.deepEqual([of.decisions, binds(of), releases(of), of.nextAt], [[], [], [], 1_000]);
});

test("only Services of Berth's classes get a decision", () => {
  const services = [s, service('ours', { class: 'berth.dev/berth' }), service('other', { class: 'x/y' })];
  const strict = { ...ownership, withoutClass: false };
  check([
    { desc: 'with or without a class', given: { pools: [p], services }, expected: ['s 192.0.2.2', 'ours 192.0.2.1'] },
    { desc: 'only with a class', given: { pools: [p], services, ownership: strict }, expected: ['ours 192.0.2.1'] },
  ]);
  const stray = service('other', { class: 'x/y', conditions: [condition] });
  assert.deepEqual(plan({ services: [stray, services[2] ?? s] }).strays, [stray], 'Services with conditions of Berth');
});

const keeps = (facts: Partial<PoolView>) => [pool('p', ['192.0.2.2'], facts)];

test('retainFor: an address waits for a Service of the same name, then cools down, then is free', () => {
  const facts = { retainMs: 1_000, reuseAfterMs: 1_500 };
  const rows: readonly [string, Partial<PoolView>, readonly string[]][] = [
    ['nothing', {}, ['delete 192.0.2.2']],
    ['reuseAfter', { reuseAfterMs: 500 }, ['update 192.0.2.2 p - until 10500']],
    ['retainFor', { retainMs: 1_000 }, ['update 192.0.2.2 p s until 11000']],
    ['both', facts, ['update 192.0.2.2 p s until 11000']],
  ];
  for (const [desc, pools, expected] of rows) {
    const of = plan({ pools: keeps(pools), ledger: [entry('192.0.2.2', s)], now: 10_000 });
    assert.deepEqual(releases(of), expected, desc);
  }
  const waiting = entry('192.0.2.2', s, { reservedUntil: 11_000 });
  const before = plan({ pools: keeps(facts), ledger: [waiting], now: 10_999 });
  assert.deepEqual([releases(before), before.nextAt], [[], 11_000], 'still waiting');
  const cooled = plan({ pools: keeps(facts), ledger: [waiting], now: 11_000 });
  assert.deepEqual(releases(cooled), ['update 192.0.2.2 p - until 11500'], 'the time counts from the release');
  const shorter = plan({ pools: keeps({ ...facts, reuseAfterMs: 900 }), ledger: [waiting], now: 11_000 });
  assert.deepEqual(releases(shorter), ['delete 192.0.2.2'], 'the time is over meanwhile');
  const cooling = entry('192.0.2.2', s, { services: [], reservedUntil: 11_500 });
  assert.equal(plan({ pools: keeps(facts), ledger: [cooling], now: 11_000 }).nextAt, 11_500);
  assert.deepEqual(releases(plan({ pools: keeps(facts), ledger: [cooling], now: 11_500 })), ['delete 192.0.2.2']);
  assert.deepEqual(releases(plan({ pools: [], ledger: [waiting], now: 11_000 })), ['delete 192.0.2.2'], 'pool gone');
  assert.deepEqual(releases(plan({ pools: [], ledger: [entry('192.0.2.2', s)] })), ['delete 192.0.2.2'], 'pool gone');
});

test('an address that is kept back goes only to the Service that it waits for', () => {
  const pools = keeps({ retainMs: 1_000, reuseAfterMs: 1_000 });
  const waiting = entry('192.0.2.2', s, { reservedUntil: 1_000, sharingKey: 'default/k' });
  const cooling = entry('192.0.2.2', s, { services: [], reservedUntil: 1_000 });
  const x = service('x');
  const asks = service('x', { requests: ['192.0.2.2'] });
  const joins = service('x', { sharingKey: 'k', ports: [] });
  const anew = again(s);
  check([
    { desc: 'waits, another one', given: { pools, services: [x], ledger: [waiting] }, expected: ['x PoolExhausted'] },
    {
      desc: 'waits, asked for',
      given: { pools, services: [asks], ledger: [waiting] },
      expected: ['x AddressReserved'],
    },
    { desc: 'waits, shared', given: { pools, services: [joins], ledger: [waiting] }, expected: ['x PoolExhausted'] },
    { desc: 'waits, came back', given: { pools, services: [anew], ledger: [waiting] }, expected: ['s 192.0.2.2'] },
    { desc: 'waits, same uid', given: { pools, services: [s], ledger: [waiting] }, expected: ['s 192.0.2.2'] },
    {
      desc: 'it waits, and the Service is back: cordoned pool',
      given: { pools: keeps({ retainMs: 1_000, state: 'Cordoned' }), services: [anew], ledger: [waiting] },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'it waits, and the Service is back: draining pool',
      given: { pools: keeps({ retainMs: 1_000, state: 'Draining' }), services: [anew], ledger: [waiting] },
      expected: ['s PoolNotActive'],
    },
    {
      desc: 'cools, asked for',
      given: { pools, services: [asks], ledger: [cooling] },
      expected: ['x AddressReserved'],
    },
    { desc: 'cools, came back', given: { pools, services: [anew], ledger: [cooling] }, expected: ['s PoolExhausted'] },
  ]);
  assert.deepEqual(binds(plan({ pools, services: [anew], ledger: [waiting] })), ['update 192.0.2.2 p s(uid-s-again)']);
});

test('no address waits for a Service that moved by its own request', () => {
  const pools = [pool('p', ['192.0.2.1-192.0.2.3'], { retainMs: 1_000, reuseAfterMs: 500 })];
  const moved = { ...shows, requests: ['192.0.2.3'] };
  const given = { pools, services: [moved], ledger: [entry('192.0.2.2', s)] };
  assert.deepEqual(releases(plan(shown(given))), ['update 192.0.2.2 p - until 500']);
  const typed = service('s', { isLoadBalancer: false });
  assert.deepEqual(releases(plan({ pools, services: [typed], ledger: [entry('192.0.2.2', s)] })), [
    'update 192.0.2.2 p s until 1000',
  ]);
});

test('the next pass is due when the first address becomes free', () => {
  const ledger = [
    entry('192.0.2.1', service('a'), { reservedUntil: 9_000 }),
    entry('192.0.2.2', service('b'), { services: [], reservedUntil: 7_000 }),
    entry('192.0.2.3', s),
  ];
  assert.equal(plan({ pools: [p], services: [s], ledger, now: 1 }).nextAt, 7_000);
  assert.equal(plan({ pools: [p], services: [s], ledger, now: 7_000 }).nextAt, 9_000);
  assert.equal(plan({ pools: [p], services: [s], ledger, now: 9_000 }).nextAt, undefined);
});

test('an invalid entry is deleted', () => {
  const rows: readonly [string, Partial<Parameters<typeof entry>[2]>][] = [
    ['without Services, without a time', { services: [] }],
    ['an invalid time', { services: [], reservedUntil: Number.NaN }],
    ['an invalid time, with a Service', { reservedUntil: Number.NaN }],
  ];
  for (const [desc, facts] of rows) {
    const of = plan({ pools: keeps({ retainMs: 1_000 }), ledger: [entry('192.0.2.2', s, facts)], now: 5 });
    assert.deepEqual([releases(of), of.nextAt], [['delete 192.0.2.2'], undefined], desc);
  }
});
