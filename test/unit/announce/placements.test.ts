/** Which node announces which VIP on which link, and why the other nodes do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type DesiredVipSnapshot, desiredVipsOf } from '../../../src/announce/desired-vips.ts';
import { type LinkView, linksFor } from '../../../src/announce/links.ts';
import { Placer } from '../../../src/announce/placements.ts';
import { unusableReason } from '../../../src/announce/usable-link.ts';
import { decideHolders } from '../../../src/election/decide-holders.ts';
import { RendezvousRanking } from '../../../src/hash/rendezvous.ts';
import { fc } from '../../property.ts';
import { advertisement, entry, node, service } from '../fixtures.ts';

const vip = '192.0.2.10' as Ip;
const rankFor = (ip: Ip, nodes: readonly string[]) => new RendezvousRanking().order(ip, nodes);

function link(name: string, facts: Partial<LinkView> = {}): LinkView {
  const addresses = [
    { address: '192.0.2.1' as Ip, prefix: 24 },
    { address: '2001:db8::1' as Ip, prefix: 64 },
    { address: 'fe80::1' as Ip, prefix: 64 },
  ];
  return {
    name,
    mac: '02:00:00:00:00:01',
    up: true,
    carrier: true,
    noArp: false,
    master: undefined,
    addresses,
    ...facts,
  };
}

interface Facts extends Partial<DesiredVipSnapshot> {
  readonly self?: string;
  readonly links?: readonly LinkView[];
  /** The node that claims the VIP. */
  readonly claimedBy?: string;
}

function outcome(facts: Facts, svc = service('s', { ingress: [{ ip: vip }] })): string {
  const { self = 'n1', links = [link('eth0')], claimedBy, ...cluster } = facts;
  const nodes = cluster.nodes ?? [node('n1')];
  const snapshot = {
    ledger: [entry(vip, svc)],
    service: (uid: string) => (uid === svc.uid ? svc : undefined),
    endpointNodes: new Map(),
    advertisements: [advertisement()],
    nodes,
    speakers: new Set(nodes.map(({ name }) => name)),
    ...cluster,
  };
  const usable = links.filter((one) => unusableReason(one) === undefined);
  const told = usable.map(({ name, mac, addresses }) => ({
    name,
    mac,
    addresses: addresses.map(({ address, prefix }) => `${address}/${prefix}`),
  }));
  const desiredVips = desiredVipsOf(snapshot, () => told);
  const alive = {
    gains: true,
    gainsSoon: true,
    draining: false,
    backAt: -10_000,
    answersOnWire: false,
    silentOnWire: false,
  } as const;
  const claims = new Map(
    desiredVips.vips.map(({ uid }) => [uid, { uid, term: 1, isolated: false, minority: false, leaving: false }]),
  );
  const decisions = decideHolders({
    self,
    now: 0,
    vips: desiredVips.vips,
    nodes: new Map(nodes.map(({ name }) => [name, { liveness: name === self ? 'Self' : 'Alive', ...alive }])),
    gaining: { now: nodes.map(({ name }) => name), soon: nodes.map(({ name }) => name) },
    claimsTo: (uid) => new Map(claimedBy === undefined ? [] : [[claimedBy, claims.get(uid) ?? assert.fail()]]),
    formerOf: () => undefined,
    termOf: () => (claimedBy === undefined ? 0 : 1),
    ranking: new RendezvousRanking(),
    total: desiredVips.vips.length,
    loads: () => new Map(),
    waiting: new Map(),
    listening: false,
    isolated: false,
    minority: false,
    complete: true,
    wire: () => undefined,
    damped: () => false,
  });
  const labels = nodes.find(({ name }) => name === self)?.labels ?? {};
  const [placement = assert.fail()] = new Placer().place(desiredVips, decisions, { self, labels, links });
  return placement.kind === 'Silent' ? placement.reason : `${placement.kind} ${placement.links.join(',')}`;
}

/** The test case of a Service that shows this address. */
function of(address: string): [Facts, ReturnType<typeof service>] {
  const svc = service('s', { ingress: [{ ip: address }] });
  return [{ ledger: [entry(address, svc)] }, svc];
}

test('every silence has exactly one reason', () => {
  const local = service('s', { ingress: [{ ip: vip }], local: true });
  const labelled = node('n1', { labels: { zone: 'a' } });
  const rows: readonly [string, string, Facts, ReturnType<typeof service>?][] = [
    ['the simple case', 'Announce eth0', {}],
    ['not in the status yet', 'NotInStatus', {}, service('s')],
    ['changed its type', 'NotInStatus', {}, service('s', { ingress: [{ ip: vip }], isLoadBalancer: false })],
    ['IPv6 in the subnet of the link', 'Announce eth0', ...of('2001:db8::10')],
    ['IPv6 in no subnet of the link', 'NoUsableLink', ...of('2001:db8:1::10')],
    ['Service unknown', 'NotInStatus', { service: () => undefined }],
    ['no advertisement', 'NoAdvertisement', { advertisements: [] }],
    ['advertisement of another pool', 'NoAdvertisement', { advertisements: [advertisement({ pools: ['x'] })] }],
    ['advertisement of this pool', 'Announce eth0', { advertisements: [advertisement({ pools: ['p'] })] }],
    [
      'advertisement for other nodes',
      'NoCandidate',
      { advertisements: [advertisement({ nodeSelectors: [{ matchLabels: { zone: 'a' } }] })] },
    ],
    [
      'advertisement for this node',
      'Announce eth0',
      { advertisements: [advertisement({ nodeSelectors: [{ matchLabels: { zone: 'a' } }] })], nodes: [labelled] },
    ],
    ['no node runs a speaker', 'NoCandidate', { speakers: new Set() }],
    ['another node holds it', 'NotHolder', { nodes: [node('n1'), node('n2')], claimedBy: 'n2' }],
    ['another node must claim it', 'AwaitingClaim', { nodes: [node('n1'), node('n2')], speakers: new Set(['n2']) }],
    ['Local without endpoint', 'NoLocalEndpoints', {}, local],
    [
      'Local with an endpoint here',
      'Announce eth0',
      { endpointNodes: new Map([['default/s IPv4', new Set(['n1'])]]) },
      local,
    ],
    [
      'Local with an endpoint elsewhere',
      'AwaitingClaim',
      {
        nodes: [node('n1'), node('n2')],
        endpointNodes: new Map([['default/s IPv4', new Set(['n2'])]]),
      },
      local,
    ],
    ['one of two nodes excluded', 'AwaitingClaim', { nodes: [node('n1', { excluded: true }), node('n2')] }],
    ['all nodes excluded', 'Announce eth0', { nodes: [node('n1', { excluded: true })] }],
    ['no link', 'NoUsableLink', { links: [] }],
    ["network address of the link's subnet", 'NetworkAddress', ...of('192.0.2.0')],
    ["broadcast address of the link's subnet", 'NetworkAddress', ...of('192.0.2.255')],
    ['address of all routers of the subnet (RFC 4291 section 2.6.1)', 'NetworkAddress', ...of('2001:db8::')],
    ['the last address of an IPv6 subnet', 'Announce eth0', ...of('2001:db8::ffff:ffff:ffff:ffff')],
    ['an entry that only reserves', 'NotInStatus', { ledger: [entry(vip, service('s'), { services: [] })] }],
  ];
  for (const [desc, expected, facts, svc] of rows) assert.equal(outcome(facts, svc), expected, desc);
});

test('a link answers outside of its subnets only if its exact name is listed', () => {
  const other = { addresses: [{ address: '198.51.100.1' as Ip, prefix: 24 }] };
  const bare = { addresses: [] };
  const rows: readonly [string, readonly LinkView[], readonly string[][], readonly string[]][] = [
    ['in the subnet', [link('eth0'), link('eth1', other)], [[]], ['eth0']],
    ['not in the subnet', [link('eth1', other)], [[]], []],
    ['two links in one subnet: the first', [link('eth0'), link('eth1')], [[]], ['eth0']],
    ['glob', [link('eth0'), link('ens1')], [['ens*']], ['ens1']],
    ['glob with one character', [link('eth0'), link('eth10')], [['eth?']], ['eth0']],
    ['a dot matches only a dot', [link('ethx1')], [['eth.1']], []],
    ['an exact name waives the subnet', [link('vlan5', bare)], [['vlan5']], ['vlan5']],
    ['a glob does not waive it', [link('vlan5', bare)], [['vlan*']], []],
    ['several advertisements add up', [link('eth0'), link('vlan5', bare)], [['vlan5'], ['eth*']], ['vlan5', 'eth0']],
    ['an exact name in the subnet is enough', [link('eth0'), link('eth1')], [['eth1'], []], ['eth1']],
    ['down', [link('eth0', { up: false })], [['eth0']], []],
    ['without carrier', [link('eth0', { carrier: false })], [['eth0']], []],
    ['a tunnel', [link('tun0', { noArp: true })], [['tun0']], []],
    ['no Ethernet address', [link('ib0', { mac: '' })], [['ib0']], []],
    ['member of a bridge', [link('eth0', { master: 'br0' }), link('br0')], [[]], ['br0']],
  ];
  for (const [desc, links, interfaces, expected] of rows) {
    const advertisements = interfaces.map((names) => advertisement({ interfaces: names }));
    assert.deepEqual(linksFor(vip, advertisements, links), expected, desc);
  }
});

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });
const address = fc.ipV4().map((text) => text as Ip);

test('the ranking is the same for any order of the candidates', () => {
  fc.assert(
    fc.property(address, names, (ip, nodes) => {
      const ranked = rankFor(ip, nodes);
      assert.deepEqual([...ranked].sort(), [...nodes].sort());
      assert.deepEqual(rankFor(ip, [...nodes].reverse()), ranked);
    }),
  );
});

test('when a node leaves, only its own VIPs move', () => {
  fc.assert(
    fc.property(address, names, fc.nat(), (ip, nodes, pick) => {
      const gone = nodes[pick % nodes.length];
      const [holder] = rankFor(ip, nodes);
      const left = nodes.filter((name) => name !== gone);
      if (holder !== gone) assert.equal(rankFor(ip, left)[0], holder);
    }),
  );
});

test('every version makes the same choice, or speakers would disagree during an update', () => {
  const chosen = ['192.0.2.10', '192.0.2.11', '192.0.2.12', '10.0.0.1', '10.0.0.2'].map(
    (ip) => rankFor(ip as Ip, ['node-1', 'node-2', 'node-3'])[0],
  );
  assert.deepEqual(chosen, ['node-1', 'node-3', 'node-2', 'node-3', 'node-1']);
});

test('VIPs spread evenly over the nodes', () => {
  const nodes = ['n1', 'n2', 'n3'];
  const counts = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const holder = rankFor(`10.0.${i >> 8}.${i & 255}` as Ip, nodes)[0] ?? '';
    counts.set(holder, (counts.get(holder) ?? 0) + 1);
  }
  for (const name of nodes) assert.ok(Math.abs((counts.get(name) ?? 0) - 1000) < 150, JSON.stringify([...counts]));
});

test('exactly one node announces when all nodes see the same state', () => {
  fc.assert(
    fc.property(names, address, (all, ip) => {
      const svc = service('s', { ingress: [{ ip }] });
      const links = [link('eth0', { addresses: [{ address: `${ip.split('.')[0]}.1.2.3` as Ip, prefix: 8 }] })];
      if (/\.0\.0\.0$|255\.255\.255$/.test(ip)) return;
      const facts = { ledger: [entry(ip, svc)], nodes: all.map((name) => node(name)), links };
      const announcing = all.filter((self) => outcome({ ...facts, self }, svc).startsWith('Announce'));
      assert.equal(announcing.length, 1);
    }),
  );
});
