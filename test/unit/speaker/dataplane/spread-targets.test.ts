/** Which VIPs must be spread, and over which nodes their packets can go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familyOf, type Ip } from '../../../../src/addr/ip.ts';
import type { DesiredVip } from '../../../../src/announce/desired-vips.ts';
import { endpointCounts } from '../../../../src/announce/endpoint-nodes.ts';
import { type AdvertisementView, parseAdvertisement } from '../../../../src/api/advertisement.ts';
import { parseEndpointSlice } from '../../../../src/api/endpoints.ts';
import type { Neighbor } from '../../../../src/dataplane/plan/neighbor.ts';
import { type Hosts, spreadTargetsOf } from '../../../../src/speaker/dataplane/spread-targets.ts';

const [one, two, six] = ['192.0.2.1', '192.0.2.2', '2001:db8::1'] as Ip[] as [Ip, Ip, Ip];
const all = new Set(['self', 'a', 'b', 'c']);

function advertisement(name: string, distribution = 'Spread'): AdvertisementView {
  const metadata = { name, uid: `uid-${name}`, resourceVersion: '1' };
  return parseAdvertisement({ metadata, spec: { distribution } } as never);
}

function desiredVip(address: Ip, facts: Partial<DesiredVip> = {}): DesiredVip {
  return {
    ...{
      uid: `uid-${address}`,
      address,
      eligible: all,
      serves: () => true,
      linksOf: () => ['eth0'],
      recorded: undefined,
    },
    ...{ advertisements: [advertisement('x')], wasAnnounced: true, isAdopted: false, wasTaken: false },
    ...facts,
  };
}

const neighborOf = (node: string): Neighbor => {
  return { node, address: '192.0.2.99' as Ip, mac: `mac of ${node}`, link: 'eth0' };
};

/** The targets for these VIPs, seen from `self`. */
function read(desiredVips: readonly DesiredVip[], facts: Partial<Hosts> = {}) {
  return spreadTargetsOf(
    { vips: desiredVips, unwanted: [] },
    {
      self: 'self',
      present: all,
      isDraining: () => false,
      linkFor: (vip) => ({ name: 'eth0', subnet: familyOf(vip) }),
      neighborFor: neighborOf,
      blockedAt: () => [],
      ...facts,
    },
  );
}

/** The nodes that may serve, and the nodes among them to which packets can be passed on. */
function nodesOf(facts: Partial<Hosts> = {}, of: Partial<DesiredVip> = {}): readonly (readonly string[])[] {
  const { reachable = [], nodes = [] } = read([desiredVip(one, of)], facts).targetFor(one) ?? {};
  return [[...reachable].sort(), [...nodes].sort()];
}

const both = (...nodes: readonly string[]) => [nodes, nodes];

test('a VIP is spread if one of its advertisements requests it, and a link of this node has its subnet', () => {
  const single = advertisement('y', 'Single');
  const { targetFor } = read([
    desiredVip(one, { advertisements: [single, advertisement('x')] }),
    desiredVip(two, { advertisements: [single] }),
  ]);
  assert.deepEqual(targetFor(one)?.scope, 'uid-y uid-x IPv4');
  assert.equal(targetFor(one)?.link, 'eth0');
  assert.equal(targetFor(two), undefined);
  assert.equal(targetFor(six), undefined);
  assert.equal(read([desiredVip(one)], { linkFor: () => undefined }).targetFor(one), undefined);
  assert.equal(read([desiredVip(six)]).targetFor(six)?.scope, 'uid-x IPv6');
});

test('a node may serve if it is eligible, alive, not drained, has a link for the VIP and is reached without a router', () => {
  assert.deepEqual(nodesOf(), both('a', 'b', 'c', 'self'));
  assert.deepEqual(nodesOf({}, { eligible: new Set(['a', 'self']) }), both('a', 'self'));
  assert.deepEqual(nodesOf({ present: new Set(['a', 'b', 'self']) }), both('a', 'b', 'self'));
  assert.deepEqual(nodesOf({ isDraining: (node) => node === 'b' }), both('a', 'c', 'self'));
  assert.deepEqual(nodesOf({}, { serves: (node) => node !== 'self' }), both('a', 'b', 'c'));
  assert.deepEqual(
    nodesOf({ neighborFor: (node) => (node === 'c' ? neighborOf(node) : undefined) }),
    both('c', 'self'),
  );
});

test('VIPs in two subnets of a link have different nodes if not every node has both, in any order of the VIPs', () => {
  const [near, far] = ['192.0.2.1', '198.51.100.1'] as Ip[] as [Ip, Ip];
  const facts: Partial<Hosts> = {
    linkFor: (vip) => ({ name: 'eth0', subnet: vip === near ? '192.0.2.9/24' : '198.51.100.9/24' }),
    neighborFor: (node, vip) => (node === 'c' && vip === far ? undefined : neighborOf(node)),
  };
  for (const order of [
    [near, far],
    [far, near],
  ]) {
    const { targetFor } = read(
      order.map((vip) => desiredVip(vip)),
      facts,
    );
    assert.deepEqual(
      [near, far].map((vip) => targetFor(vip)?.nodes),
      [
        ['self', 'a', 'b', 'c'],
        ['self', 'a', 'b'],
      ],
    );
    assert.notEqual(targetFor(near)?.scope, targetFor(far)?.scope, 'the VIPs must not share a table');
  }
});

test('a node that any node reports as blocked is left out by every node; a node that reports this one is left out here', () => {
  const reports = (by: Readonly<Record<string, readonly string[]>>) => ({
    blockedAt: (node: string) => by[node] ?? [],
  });
  const allNodes = ['a', 'b', 'c', 'self'];
  assert.deepEqual(nodesOf(reports({ self: ['a'] })), [allNodes, ['b', 'c', 'self']]);
  assert.deepEqual(nodesOf(reports({ b: ['a'] })), [allNodes, ['b', 'c', 'self']]);
  assert.deepEqual(nodesOf(reports({ b: ['self'] })), [allNodes, ['a', 'c']]);
  assert.deepEqual(nodesOf(reports({ a: ['b'], b: ['a'] })), [allNodes, ['c', 'self']]);
  assert.deepEqual(nodesOf({ ...reports({ b: ['a'] }), present: new Set(['a', 'c', 'self']) }), both('a', 'c', 'self'));
});

test('the neighbors are the other nodes of all spread VIPs, by link; blocked nodes are among them, as they are still tested', () => {
  const eligible = { [one]: new Set(['a', 'self']), [two]: new Set(['a', 'b']), [six]: new Set(['c']) };
  const desiredVips = [one, two, six].map((vip) => desiredVip(vip, { eligible: eligible[vip] as ReadonlySet<string> }));
  const single = desiredVip('192.0.2.3' as Ip, { advertisements: [advertisement('y', 'Single')] });
  const { neighbors } = read([...desiredVips, single], {
    linkFor: (vip) => ({ name: vip === six ? 'eth1' : 'eth0', subnet: familyOf(vip) }),
    blockedAt: () => ['a'],
    neighborFor: (node) => (node === 'self' ? undefined : neighborOf(node)),
  });
  const names = [...neighbors].map(([link, list]) => [link, list.map(({ node }) => node)]);
  assert.deepEqual(names, [
    ['eth0', ['a', 'b']],
    ['eth1', ['c']],
  ]);
});

/** A slice of a Service, with endpoints as `ADDRESS NODE READY SERVING`. */
function slice(service: string, ...endpoints: readonly string[]) {
  const metadata = {
    ...{ name: `${service}-x`, namespace: 'default', uid: `uid-${service}`, resourceVersion: '1' },
    labels: { 'kubernetes.io/service-name': service },
  };
  const parsed = endpoints.map((text) => {
    const [address = '', nodeName = '', ready, serving] = text.split(' ');
    return { addresses: [address], nodeName, conditions: { ready: ready === 'yes', serving: serving === 'yes' } };
  });
  return parseEndpointSlice({ metadata, endpoints: parsed }) ?? assert.fail();
}

test('ready endpoints count; if none is ready, those that still serve count', () => {
  const slices = [
    slice('web', '10.0.0.1 a yes yes', '10.0.0.2 a yes yes', '10.0.0.3 b no yes', '10.0.0.4 c no no'),
    slice('web', '10.0.0.5 b yes yes', 'fd00::1 c yes yes'),
    slice('old', '10.0.0.6 b no yes', '10.0.0.7 c no no'),
  ];
  const entries = (name: string, family: 'IPv4' | 'IPv6') => {
    const own = slices.filter(({ service }) => service === `default/${name}`);
    return [...endpointCounts(own, family)];
  };
  assert.deepEqual(entries('web', 'IPv4'), [
    ['a', 2],
    ['b', 1],
  ]);
  assert.deepEqual(entries('web', 'IPv6'), [['c', 1]]);
  assert.deepEqual(entries('old', 'IPv4'), [['b', 1]]);
  assert.deepEqual(entries('old', 'IPv6'), []);
  assert.deepEqual(entries('none', 'IPv4'), []);
});
