/** The status of a pool. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PoolView, parsePool } from '../../../src/api/pool.ts';
import { type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import { poolReports, sameCounts } from '../../../src/ipam/pool-report.ts';
import { fc } from '../../property.ts';
import { entry, node, pool, service } from '../fixtures.ts';
import { ip, shownByOther, snapshotOf } from './plans.ts';

function reports(facts: Partial<Snapshot>) {
  const { table, ledger } = settle(snapshotOf(facts));
  return poolReports(table, ledger);
}

/** `USED used, FREE free` of each pool. */
function texts(facts: Partial<Snapshot>): readonly string[] {
  return reports(facts).map(({ pool: { name }, counts: { used, free } }) => `${name}: ${used} used, ${free} free`);
}

const p = pool('p', ['192.0.2.0/29', '2001:db8::/125']);
const s = service('s');
const dual = service('d', { families: ['IPv4', 'IPv6'] });

test('a pool reports its used and free addresses as they are after the plan', () => {
  const rows: readonly [string, Partial<Snapshot>, readonly string[]][] = [
    ['nothing used', { pools: [p] }, ['p: 0 IPv4, 0 IPv6 used, 8 IPv4, 8 IPv6 free']],
    ['just chosen', { pools: [p], services: [s, dual] }, ['p: 2 IPv4, 1 IPv6 used, 6 IPv4, 7 IPv6 free']],
    [
      'recorded',
      { pools: [p], services: [s], ledger: [entry('192.0.2.1', s)] },
      ['p: 1 IPv4, 0 IPv6 used, 7 IPv4, 8 IPv6 free'],
    ],
    ['one family', { pools: [pool('p', ['192.0.2.0/29'])], services: [s] }, ['p: 1 used, 7 free']],
    ['the other family', { pools: [pool('p', ['2001:db8::/125'])], services: [dual] }, ['p: 1 used, 7 free']],
    ['no address', { pools: [pool('p', [])] }, ['p: 0 used, 0 free']],
    [
      'shared',
      { pools: [p], services: [service('a', { sharingKey: 'k' }), service('b', { sharingKey: 'k', ports: [] })] },
      ['p: 1 IPv4, 0 IPv6 used, 7 IPv4, 8 IPv6 free'],
    ],
    [
      'kept back: neither used nor free',
      {
        pools: [p],
        ledger: [
          entry('192.0.2.1', s, { reservedUntil: 9 }),
          entry('192.0.2.2', s, { reservedUntil: 9, services: [] }),
        ],
      },
      ['p: 0 IPv4, 0 IPv6 used, 6 IPv4, 8 IPv6 free'],
    ],
    [
      'addresses of nodes and of other programs: neither used nor free',
      {
        pools: [p],
        nodes: [node('n', { addresses: [ip('192.0.2.1'), ip('2001:db8::1'), ip('203.0.113.1')] })],
        services: [service('m', shownByOther('192.0.2.2', '192.0.2.1'))],
      },
      ['p: 0 IPv4, 0 IPv6 used, 6 IPv4, 7 IPv6 free'],
    ],
    [
      'in no pool any more: used in no pool',
      { pools: [p], services: [s], ledger: [entry('203.0.113.1', s)] },
      ['p: 1 IPv4, 0 IPv6 used, 8 IPv4, 8 IPv6 free'],
    ],
    [
      'of an unknown Service: used until more is known',
      { pools: [p], ledger: [entry('192.0.2.1', s)] },
      ['p: 1 IPv4, 0 IPv6 used, 7 IPv4, 8 IPv6 free'],
    ],
    [
      'avoidBuggyIPs',
      { pools: [pool('p', ['192.0.2.254-192.0.4.1'], { avoidBuggyIPs: true })], services: [s] },
      ['p: 1 used, 255 free'],
    ],
    [
      'avoidBuggyIPs concerns IPv4 only',
      { pools: [pool('p', ['192.0.2.0/30', '2001:db8::/120'], { avoidBuggyIPs: true })] },
      ['p: 0 IPv4, 0 IPv6 used, 3 IPv4, 256 IPv6 free'],
    ],
    [
      'avoidBuggyIPs, one of them in use',
      { pools: [pool('p', ['192.0.2.0/30'], { avoidBuggyIPs: true })], services: [s], ledger: [entry('192.0.2.0', s)] },
      ['p: 1 used, 3 free'],
    ],
  ];
  for (const [desc, facts, expected] of rows) assert.deepEqual(texts(facts), expected, desc);
});

test('overlapping pools count each address once', () => {
  const older = pool('older', ['192.0.2.0/30'], { created: '2025-01-01T00:00:00Z' });
  const younger = pool('younger', ['192.0.2.0/29'], { created: '2026-01-01T00:00:00Z' });
  assert.deepEqual(texts({ pools: [younger, older] }), ['older: 0 used, 4 free', 'younger: 0 used, 4 free']);
  const held = { pools: [younger, older], services: [s], ledger: [entry('192.0.2.1', s, { pool: 'younger' })] };
  assert.deepEqual(texts(held), ['older: 0 used, 3 free', 'younger: 1 used, 4 free']);
});

test('the numbers of a huge pool stop at the limit of JSON, its texts do not', () => {
  const huge = pool('p', ['2001:db8::/32', '192.0.2.1']);
  const [report] = reports({ pools: [huge], services: [dual] });
  assert.deepEqual(report?.counts, {
    assignedIPv4: 1,
    assignedIPv6: 1,
    availableIPv4: 0,
    availableIPv6: Number.MAX_SAFE_INTEGER,
    used: '1 IPv4, 1 IPv6',
    free: `0 IPv4, ${2n ** 96n - 1n} IPv6`,
  });
  const edge = pool('p', ['2001:db8::-2001:db8::1f:ffff:ffff:ffff']);
  assert.equal(reports({ pools: [edge] })[0]?.counts.availableIPv6, Number.MAX_SAFE_INTEGER);
  assert.equal(reports({ pools: [edge], services: [dual] })[0]?.counts.availableIPv6, Number.MAX_SAFE_INTEGER);
  assert.equal(
    reports({ pools: [edge], services: [dual, { ...dual, name: 'e', key: 'default/e', uid: 'e' }] })[0]?.counts
      .availableIPv6,
    Number.MAX_SAFE_INTEGER - 1,
  );
});

test('the report names the faults of the pool', () => {
  const findings = (view: PoolView, others: readonly PoolView[] = []) =>
    reports({ pools: [view, ...others] })
      .find(({ pool: { name } }) => name === view.name)
      ?.findings.map(({ type, status, reason, message }) => [type, status, reason, message]);
  const parsed = (spec: Parameters<typeof parsePool>[0]['spec']) =>
    parsePool({
      metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec,
    });
  const none = ['Overlap', 'False', 'NoOverlap', 'no older pool contains addresses of this one'];
  const exact = ['HostBits', 'False', 'NoHostBits', 'every CIDR begins with the first address of its network'];
  assert.deepEqual(findings(p), [['Ready', 'True', 'Ready', 'every entry is valid'], none, exact]);
  const wide = parsed({
    addresses: ['192.0.2.40/24', '2001:db8::1/120', '198.51.100.0/24', '203.0.113.7/32', '203.0.113.9'],
    exclude: ['192.0.2.1/25'],
  });
  assert.deepEqual(findings(wide)?.[2], [
    'HostBits',
    'True',
    'HostBits',
    'spec.addresses: 192.0.2.40/24 stands for the whole network 192.0.2.0/24; ' +
      'spec.addresses: 2001:db8::1/120 stands for the whole network 2001:db8::/120; ' +
      'spec.exclude: 192.0.2.1/25 stands for the whole network 192.0.2.0/25',
  ]);
  const bad = parsed({ addresses: ['192.0.2.9-192.0.2.1', 'x', '192.0.2.1'] });
  assert.deepEqual(findings(bad)?.[0]?.slice(0, 3), ['Ready', 'False', 'InvalidRange']);
  assert.match(
    findings(bad)?.[0]?.[3] ?? '',
    /spec\.addresses: .*ends before it starts; spec\.addresses: "x".*; the other entries are used$/,
  );
  const closed = parsed({ addresses: ['192.0.2.1'], exclude: ['x'] });
  assert.deepEqual(findings(closed)?.[0]?.slice(0, 3), ['Ready', 'False', 'InvalidAddress']);
  assert.match(findings(closed)?.[0]?.[3] ?? '', /no address of this pool is assigned$/);
  const younger = parsed({ addresses: ['192.0.2.0/28'] });
  const olders = [
    pool('a', ['192.0.2.4-192.0.2.5', '192.0.2.1'], { created: '2025-02-01T00:00:00Z' }),
    pool('b', ['192.0.2.5-192.0.2.9'], { created: '2025-01-01T00:00:00Z' }),
  ];
  assert.deepEqual(findings(younger, olders)?.[1], [
    'Overlap',
    'True',
    'Overlap',
    'does not assign 192.0.2.5-192.0.2.9 (in the older pool b), 192.0.2.1, 192.0.2.4/31 (in the older pool a)',
  ]);
});

test('a status with the same counts is not written again', () => {
  const [report] = reports({ pools: [p], services: [s] });
  const counts = report?.counts ?? assert.fail();
  assert.equal(sameCounts({ ...counts }, counts), true);
  assert.equal(sameCounts(undefined, counts), false);
  for (const key of Object.keys(counts)) assert.equal(sameCounts({ ...counts, [key]: '9' }, counts), false, key);
});

test('counts are never negative, and used and free together never exceed the pool', () => {
  const address = fc.nat({ max: 20 }).map((n) => `192.0.2.${n}`);
  const pools = fc
    .array(fc.tuple(address, fc.nat({ max: 8 }), fc.boolean()), { minLength: 1, maxLength: 3 })
    .map((list) =>
      list.map(([from, size, avoidBuggyIPs], i) => {
        const first = Number(from.split('.')[3]);
        return pool(`p${i}`, [`${from}-192.0.2.${first + size}`], { avoidBuggyIPs, created: `${i}` });
      }),
    );
  const entries = fc.uniqueArray(fc.tuple(address, fc.nat({ max: 5 }), fc.nat({ max: 3 })), {
    selector: ([at]) => at,
    maxLength: 8,
  });
  fc.assert(
    fc.property(pools, entries, fc.array(address, { maxLength: 4 }), (some, bound, ofNodes) => {
      const services = Array.from({ length: 5 }, (_, i) => service(`s${i}`));
      const ledger = bound.map(([at, i, of]) => entry(at, services[i] ?? service('gone'), { pool: `p${of}` }));
      const nodes = [node('n', { addresses: ofNodes.map(ip) })];
      for (const { counts, pool: view } of reports({ pools: some, services, ledger, nodes })) {
        const size = view.own.reduce((sum, { first, last }) => sum + Number(last - first) + 1, 0);
        assert.ok(counts.availableIPv4 >= 0 && counts.availableIPv4 <= size, JSON.stringify(counts));
        assert.equal(counts.free, String(counts.availableIPv4));
      }
    }),
  );
});
