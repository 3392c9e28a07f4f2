/** Who announces which VIP on which link, and why not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ip } from '../../../src/addr/ip.ts';
import { type AnnounceSnapshot, placements } from '../../../src/announce/announcements.ts';
import { holderOf } from '../../../src/announce/holder.ts';
import { type LinkView, linksFor } from '../../../src/announce/links.ts';
import { advertisement, entry, node, service } from '../fixtures.ts';

const vip = '192.0.2.10' as Ip;

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

function snapshot(
  facts: Partial<AnnounceSnapshot> = {},
  svc = service('s', { ingress: [{ ip: vip }] }),
): AnnounceSnapshot {
  return {
    self: 'n1',
    ledger: [entry(vip, svc)],
    service: (uid) => (uid === svc.uid ? svc : undefined),
    endpointNodes: new Map(),
    advertisements: [advertisement()],
    nodes: [node('n1')],
    alive: new Set(['n1']),
    links: [link('eth0')],
    ...facts,
  };
}

function outcome(facts: Partial<AnnounceSnapshot>, svc?: ReturnType<typeof service>): string {
  const [placement = assert.fail()] = placements(snapshot(facts, svc));
  return placement.kind === 'Announce' ? `Announce ${placement.links.join(',')}` : placement.reason;
}

/** The rows of an address that a Service shows. */
function of(address: string): [Partial<AnnounceSnapshot>, ReturnType<typeof service>] {
  const svc = service('s', { ingress: [{ ip: address }] });
  return [{ ledger: [entry(address, svc)] }, svc];
}

test('every silence has one reason', () => {
  const local = service('s', { ingress: [{ ip: vip }], local: true });
  const labelled = node('n1', { labels: { zone: 'a' } });
  const rows: readonly [string, string, Partial<AnnounceSnapshot>, ReturnType<typeof service>?][] = [
    ['the plain case', 'Announce eth0', {}],
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
    ['no speaker is ready', 'NoCandidate', { alive: new Set() }],
    ['another node holds it', 'NotHolder', { nodes: [node('n1'), node('n2')], alive: new Set(['n2']) }],
    ['Local without endpoint', 'NoLocalEndpoints', {}, local],
    [
      'Local with an endpoint here',
      'Announce eth0',
      { endpointNodes: new Map([['default/s', new Set(['n1'])]]) },
      local,
    ],
    [
      'Local with an endpoint elsewhere',
      'NotHolder',
      {
        nodes: [node('n1'), node('n2')],
        alive: new Set(['n1', 'n2']),
        endpointNodes: new Map([['default/s', new Set(['n2'])]]),
      },
      local,
    ],
    [
      'excluded beside another',
      'NotHolder',
      { nodes: [node('n1', { excluded: true }), node('n2')], alive: new Set(['n1', 'n2']) },
    ],
    ['E5 all nodes excluded', 'Announce eth0', { nodes: [node('n1', { excluded: true })] }],
    ['no link', 'NoUsableLink', { links: [] }],
    ['C7 network address of the link', 'NetworkAddress', ...of('192.0.2.0')],
    ['C7 broadcast address of the link', 'NetworkAddress', ...of('192.0.2.255')],
    ['C7 address of all routers of the link (RFC 4291 section 2.6.1)', 'NetworkAddress', ...of('2001:db8::')],
    ['the last address of an IPv6 subnet', 'Announce eth0', ...of('2001:db8::ffff:ffff:ffff:ffff')],
    ['an entry that is only kept back', 'NotInStatus', { ledger: [entry(vip, service('s'), { services: [] })] }],
  ];
  for (const [desc, expected, facts, svc] of rows) assert.equal(outcome(facts, svc), expected, desc);
});

test('the links that answer', () => {
  const other = { addresses: [{ address: '198.51.100.1' as Ip, prefix: 24 }] };
  const bare = { addresses: [] };
  const rows: readonly [string, readonly LinkView[], readonly string[][], readonly string[]][] = [
    ['in the subnet', [link('eth0'), link('eth1', other)], [[]], ['eth0']],
    ['not in the subnet', [link('eth1', other)], [[]], []],
    ['B10 two links in one subnet: the first', [link('eth0'), link('eth1')], [[]], ['eth0']],
    ['glob', [link('eth0'), link('ens1')], [['ens*']], ['ens1']],
    ['glob with one character', [link('eth0'), link('eth10')], [['eth?']], ['eth0']],
    ['a dot in a name is a dot', [link('ethx1')], [['eth.1']], []],
    ['C8 an exact name waives the subnet', [link('vlan5', bare)], [['vlan5']], ['vlan5']],
    ['C8 a glob does not', [link('vlan5', bare)], [['vlan*']], []],
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

test('a holder is one of the candidates, the same for any order of them', () => {
  fc.assert(
    fc.property(address, names, (ip, nodes) => {
      const holder = holderOf(ip, nodes);
      assert.ok(holder !== undefined && nodes.includes(holder));
      assert.equal(holderOf(ip, [...nodes].reverse()), holder);
    }),
  );
  assert.equal(holderOf(vip, []), undefined);
});

test('a node that goes moves only its own VIPs', () => {
  fc.assert(
    fc.property(address, names, fc.nat(), (ip, nodes, pick) => {
      const gone = nodes[pick % nodes.length];
      const holder = holderOf(ip, nodes);
      const left = nodes.filter((name) => name !== gone);
      if (holder !== gone) assert.equal(holderOf(ip, left), holder);
    }),
  );
});

test('the choice is the same in every version, or speakers would disagree during an update', () => {
  const chosen = ['192.0.2.10', '192.0.2.11', '192.0.2.12', '10.0.0.1', '10.0.0.2'].map((ip) =>
    holderOf(ip as Ip, ['node-1', 'node-2', 'node-3']),
  );
  assert.deepEqual(chosen, ['node-1', 'node-3', 'node-2', 'node-3', 'node-1']);
});

test('VIPs spread over the nodes', () => {
  const nodes = ['n1', 'n2', 'n3'];
  const counts = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const holder = holderOf(`10.0.${i >> 8}.${i & 255}` as Ip, nodes) ?? '';
    counts.set(holder, (counts.get(holder) ?? 0) + 1);
  }
  for (const name of nodes) assert.ok(Math.abs((counts.get(name) ?? 0) - 1000) < 150, JSON.stringify([...counts]));
});

test('in one view exactly one node announces', () => {
  fc.assert(
    fc.property(names, address, (all, ip) => {
      const svc = service('s', { ingress: [{ ip }] });
      const links = [link('eth0', { addresses: [{ address: ip, prefix: 8 }] })];
      const facts = { ledger: [entry(ip, svc)], nodes: all.map((name) => node(name)), alive: new Set(all), links };
      const announcing = all.filter((self) => placements(snapshot({ ...facts, self }, svc))[0]?.kind === 'Announce');
      assert.equal(announcing.length, 1);
    }),
  );
});
