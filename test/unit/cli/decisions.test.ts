/** The conclusions of the tool from an evaluation of the cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { EndpointSliceView } from '../../../src/api/endpoints.ts';
import { simulate } from '../../../src/cli/commands/simulate.ts';
import { statusFacts } from '../../../src/cli/commands/status-facts.ts';
import { whoHas } from '../../../src/cli/commands/who-has.ts';
import { explainFacts } from '../../../src/cli/explain/explain-facts.ts';
import { advertisement, entry, node, pool, service } from '../fixtures.ts';
import { ip, showing } from '../ipam/plans.ts';
import { evaluated, link, statusOf } from './evaluations.ts';

const s = service('s', showing('192.0.2.10'));
const p = pool('p', ['192.0.2.10-192.0.2.12']);
const slice = (nodes: readonly string[]): EndpointSliceView => ({
  ...{ name: 's-1', uid: 'uid-slice', resourceVersion: '1', service: 'default/s' },
  endpoints: nodes.map((name) => ({ addresses: [ip('10.0.0.1')], node: name, ready: true })),
});

/** An entry that a node holds and announces. */
function held(by: string, facts: Partial<AllocationView> = {}): AllocationView {
  const recorded = { node: by, term: 1, since: '2026-01-01T00:00:00Z', links: [{ name: 'eth0', mac: 'm' }] };
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const condition = {
    type: 'Announced',
    status: 'True',
    reason: 'Announced',
    message: `at ${by}`,
    lastTransitionTime,
  } as const;
  return entry('192.0.2.10', s, { recorded, conditions: [condition], ...facts });
}

/** An entry with a condition that says that no node could announce it. */
const silent: AllocationView = entry('192.0.2.10', s, {
  conditions: [
    { type: 'Announced', status: 'False', reason: 'NoCandidate', message: 'no node', lastTransitionTime: '' },
  ],
});

const well = { pools: [p], services: [s], ledger: [held('n1')], endpointSlices: [slice(['n1', 'n2'])] };

test('a cluster without a fault has no problem and no warning', () => {
  const at = evaluated(well);
  assert.deepEqual(explainFacts(at, s).problems, []);
  const { services, vips, warnings } = statusFacts(at);
  assert.deepEqual(
    [services, vips, warnings],
    [{ withAddress: 1, withoutAddress: [], others: 0 }, { announced: 1, verified: 0, silent: [], reserved: 0 }, []],
  );
});

test('each node has the first reason that applies', () => {
  const excluded = [node('n1'), node('n2', { excluded: true }), node('n3', { draining: true })];
  const local = { ...s, local: true };
  const reasons = (at: ReturnType<typeof evaluated>, of = s) =>
    (explainFacts(at, of).vips[0]?.nodes ?? []).map(({ node: name, reason }) => `${name} ${reason}`);
  assert.deepEqual(reasons(evaluated(well)), ['n1 Holder', 'n2 Candidate', 'n3 Candidate']);
  assert.deepEqual(reasons(evaluated({ ...well, nodes: excluded })), ['n1 Holder', 'n2 Excluded', 'n3 Draining']);
  const everywhere = excluded.map((one) => ({ ...one, excluded: true, draining: false }));
  assert.deepEqual(reasons(evaluated({ ...well, nodes: everywhere })), ['n1 Holder', 'n2 Candidate', 'n3 Candidate']);
  assert.deepEqual(reasons(evaluated({ ...well, services: [local] }), local), [
    'n1 Holder',
    'n2 Candidate',
    'n3 NoLocalEndpoint',
  ]);
  const dead = [{ node: 'n3', liveness: 'Dead' as const, silentMs: 9_000 }];
  const survivors = [statusOf('n1', { peers: dead }), statusOf('n2', { peers: dead })];
  assert.deepEqual(reasons(evaluated(well, survivors)), ['n1 Holder', 'n2 Candidate', 'n3 NotAlive']);
  const links = [
    statusOf('n1', { links: [link('eth0', '192.0.2.1/24', { unusable: 'NoCarrier' })] }),
    statusOf('n2', { links: [link('eth0', '198.51.100.1/24')] }),
    statusOf('n3', { links: [link('eth0', '192.0.2.8/29'), link('eth1', '192.0.2.10/31')] }),
  ];
  assert.deepEqual(reasons(evaluated(well, links)), ['n3 Candidate', 'n1 LinkUnusable', 'n2 NoLink']);
  const named = [advertisement({ interfaces: ['bond*'] })];
  assert.deepEqual(reasons(evaluated({ ...well, advertisements: named })), [
    'n1 LinkNotNamed',
    'n2 LinkNotNamed',
    'n3 LinkNotNamed',
  ]);
  const chosen = [advertisement({ nodeSelectors: [{ matchLabels: { a: 'b' } }] })];
  assert.deepEqual(reasons(evaluated({ ...well, advertisements: chosen })), [
    'n1 NotSelected',
    'n2 NotSelected',
    'n3 NotSelected',
  ]);
});

test('explain names the problem, and a remedy for it', () => {
  const first = (at: ReturnType<typeof evaluated>, of = s) => {
    const [problem] = explainFacts(at, of).problems;
    return `${problem?.reason}: ${problem?.todo}`;
  };
  const pending = service('s');
  assert.match(first(evaluated({ services: [pending] }), pending), /^NoPool: create an IPAddressPool/);
  assert.match(first(evaluated({ ...well, advertisements: [] })), /^NoAdvertisement: create an L2Advertisement/);
  const other = service('s', { class: 'x.io/y' });
  assert.match(first(evaluated({ services: [other] }), other), /^OtherClass: create the Service again/);
  const named = { ...well, ledger: [silent], advertisements: [advertisement({ interfaces: ['eth7'] })] };
  assert.match(first(evaluated(named)), /^NoCandidate: correct interfaces/);
  assert.match(first(evaluated({ ...well, endpointSlices: [] })), /^NoEndpoints: check the Service's Pods/);
  assert.match(first(evaluated({ ...well, ledger: [held('n1', { moveTo: 'n9' })] })), /^MoveWaits/);
  const broken = statusOf('n1', { dataPath: { nftables: 'NoNft', handOff: 'KubeProxy', present: [] } });
  assert.match(first(evaluated(well, [broken])), /^NoNft: build the image/);
});

test('a record that its holder contradicts is not believed', () => {
  const told = { uid: 'uid-192.0.2.10', address: '192.0.2.10', links: [], damped: false };
  const speakers = ['n1', 'n2', 'n3'].map((name) =>
    statusOf(name, { vips: [{ ...told, action: 'Silent', reason: name === 'n1' ? 'NoUsableLink' : 'NotHolder' }] }),
  );
  const [vip] = evaluated(well, speakers).vips;
  assert.deepEqual([vip?.announced, vip?.reason], [false, 'NoUsableLink']);
});

test('simulate moves the VIPs of dead nodes, and reports Services without endpoints', () => {
  const at = evaluated(well);
  const [move] = simulate(at, ['n1']).moves;
  assert.ok(move?.to === 'n2' || move?.to === 'n3');
  const local = { ...s, local: true };
  const two = simulate(evaluated({ ...well, services: [local] }), ['n1', 'n2']);
  assert.deepEqual(two.moves, [{ address: '192.0.2.10', services: ['default/s'], from: 'n1' }]);
  assert.deepEqual(two.withoutEndpoints, ['default/s']);
  assert.deepEqual(simulate(at, ['n3']), {
    ...{ down: ['n3'], moves: [], withoutEndpoints: [] },
    load: [
      { node: 'n1', before: 1, after: 1 },
      { node: 'n2', before: 0, after: 0 },
      { node: 'n3', before: 0, after: 0 },
    ],
  });
});

test('who-has reports for any address which object has it, or why no Service gets it', () => {
  const nodes = [node('n1', { addresses: [ip('192.0.2.1')] })];
  const buggy = pool('b', ['198.51.100.0/24'], { avoidBuggyIPs: true });
  const at = evaluated({ ...well, nodes, pools: [p, buggy] });
  const rows: readonly [string, string, RegExp][] = [
    ['192.0.2.10', 'InUse', /default\/s/],
    ['192.0.2.11', 'Free', /pool p would give it/],
    ['192.0.2.1', 'Foreign', /node n1/],
    ['198.51.100.0', 'NotGiven', /avoidBuggyIPs/],
    ['203.0.113.9', 'NoPool', /in no IPAddressPool/],
  ];
  for (const [address, state, message] of rows) {
    const found = whoHas(at, ip(address));
    assert.equal(found.state, state, address);
    assert.match(found.message, message, address);
  }
});

test('status counts the problems by reason, and warns', () => {
  const refused = [service('a'), service('b'), service('c', { requestedPools: ['gone'] })];
  const unheard = statusOf('n1', { peers: [{ node: 'n2', liveness: 'Unknown', reason: 'LivenessBlocked' }] });
  const full = pool('p', ['192.0.2.10'], {});
  const facts = statusFacts(evaluated({ ...well, pools: [full], services: [s, ...refused] }, [unheard]));
  assert.deepEqual(facts.services.withoutAddress, [
    { reason: 'PoolExhausted', count: 2 },
    { reason: 'PoolNotFound', count: 1 },
  ]);
  assert.deepEqual(facts.warnings, []);
  const both = statusFacts(
    evaluated(well, [unheard, statusOf('n2', { peers: [{ node: 'n1', liveness: 'Dead', silentMs: 900 }] })]),
  );
  const check = 'check that UDP 7932 passes between the nodes, and that all speakers have the same key';
  assert.deepEqual(both.warnings, [
    `n1 has never got a heartbeat from n2: ${check}`,
    `n2 gets no more heartbeats from n1: ${check}`,
  ]);
});
