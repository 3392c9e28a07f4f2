/** The conversion of MetalLB's objects, field by field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawService } from '../../../../src/api/service.ts';
import { renderFieldReport } from '../../../../src/cli/migrate/convert/field-report.ts';
import type { Manifest } from '../../../../src/cli/migrate/convert/manifest.ts';
import { convertMetalLb, type Migration } from '../../../../src/cli/migrate/convert/metallb.ts';
import { type Preview, previewTakeOver } from '../../../../src/cli/migrate/preview.ts';
import { linkOf, type Topology } from '../../../../src/cli/migrate/reach.ts';
import { groupsToTake, obstaclesTo, type Situation } from '../../../../src/cli/migrate/steps.ts';
import { advertisement, entry, node, ownership, pool as poolView, service as serviceView } from '../../fixtures.ts';

const of = (kind: string, name: string, spec: Record<string, unknown> = {}): Manifest => ({
  apiVersion: 'metallb.io/v1beta1',
  kind,
  metadata: { name, namespace: 'metallb-system' },
  spec,
});
const pool = (name: string, spec: Record<string, unknown> = {}, labels: Record<string, string> = {}): Manifest => {
  const made = of('IPAddressPool', name, { addresses: ['192.0.2.0/28'], ...spec });
  return { ...made, metadata: { ...made.metadata, labels } };
};
const balancer = (
  key: string,
  facts: { readonly annotations?: Record<string, string>; readonly ip?: string } & Partial<RawService['spec']> = {},
): RawService => {
  const [namespace = '', name = ''] = key.split('/');
  const { annotations = {}, ip, ...spec } = facts;
  const managedFields = [
    {
      manager: 'controller',
      time: '2026-01-01T00:00:00Z',
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } },
    },
  ];
  return {
    metadata: {
      name,
      namespace,
      uid: `uid-${key}`,
      resourceVersion: '1',
      annotations,
      ...(ip !== undefined && { managedFields }),
    },
    spec: { type: 'LoadBalancer', ports: [{ port: Number(spec.ports?.[0]?.port ?? 80) }], ...spec },
    ...(ip !== undefined && { status: { loadBalancer: { ingress: [{ ip }] } } }),
  };
};
const migrate = (objects: readonly Manifest[], services: readonly RawService[] = []): Migration =>
  convertMetalLb({ objects, services, classes: ['berth.dev/berth'] });
/** `fate field` of the rows of one object. */
const rowsOf = ({ rows }: Migration, object: string) =>
  rows.filter((row) => row.object.includes(object)).map(({ fate, field }) => `${fate} ${field}`);

test('a pool is converted with every field, and an unknown field is in the report', () => {
  const serviceAllocation = {
    priority: 50,
    namespaces: ['a', 'b'],
    namespaceSelectors: [{ matchLabels: { foo: 'bar' } }],
    serviceSelectors: [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['x'] }] }],
  };
  const spec = {
    addresses: ['192.0.2.0/28', ' 192.0.2.40 - 192.0.2.50'],
    autoAssign: false,
    avoidBuggyIPs: true,
    serviceAllocation,
    later: 1,
  };
  const done = migrate([pool('p', spec), of('L2Advertisement', 'all')]);
  const { later: _, ...known } = spec;
  assert.deepEqual(done.pools[0]?.spec, { ...known, addresses: ['192.0.2.0/28', '192.0.2.40-192.0.2.50'] });
  assert.deepEqual(rowsOf(done, 'IPAddressPool'), [
    'Carried spec.addresses[0]',
    'Carried spec.addresses[1]',
    'Carried spec.serviceAllocation.namespaces',
    'Adapted spec.serviceAllocation.namespaceSelectors',
    'Carried spec.serviceAllocation.serviceSelectors',
    'Carried spec.serviceAllocation.priority',
    'Carried spec.autoAssign',
    'Carried spec.avoidBuggyIPs',
    'NotCarried spec.later',
    'Carried ',
  ]);
});

for (const { desc, addresses, left } of [
  { desc: 'an entry that is no address', addresses: ['lan', '192.0.2.1/32'], left: ['192.0.2.1/32'] },
  {
    desc: 'a range that ends before it starts',
    addresses: ['192.0.2.9-192.0.2.1', '192.0.2.1/32'],
    left: ['192.0.2.1/32'],
  },
  { desc: 'loopback and link-local', addresses: ['127.0.0.0/8', 'fe80::/64', '10.0.0.0/8'], left: ['10.0.0.0/8'] },
  { desc: 'a range too large for a pool', addresses: ['8.0.0.0/7', '2000::/12', 'fc00::/16'], left: ['fc00::/16'] },
  { desc: 'a duplicate', addresses: ['192.0.2.1/32', '192.0.2.1/32'], left: ['192.0.2.1/32'] },
]) {
  test(`a pool's address entry that the API server would refuse is left out: ${desc}`, () => {
    assert.deepEqual(migrate([pool('p', { addresses }), of('L2Advertisement', 'all')]).pools[0]?.spec.addresses, left);
  });
}

test('more addresses than a pool may list are merged', () => {
  const addresses = Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 255}/32`);
  const [made] = migrate([pool('p', { addresses }), of('L2Advertisement', 'all')]).pools;
  assert.deepEqual(made?.spec.addresses, ['10.0.0.0-10.0.1.43']);
});

test('selectors of pools become names; one that matches no pool does not become an advertisement of all pools', () => {
  const pools = [pool('a', {}, { tier: 'web' }), pool('b')];
  const by = (tier: string) => ({ ipAddressPoolSelectors: [{ matchLabels: { tier } }] });
  const done = migrate([...pools, of('L2Advertisement', 'some', by('web')), of('L2Advertisement', 'none', by('db'))]);
  assert.deepEqual(
    done.advertisements.map(({ metadata, spec }) => [metadata.name, spec]),
    [['some', { ipAddressPools: ['a'] }]],
  );
  assert.ok(rowsOf(done, 'L2Advertisement metallb-system/none').includes('NotCarried '));
});

test('nodes and links are converted; selectors of Services and preferences are not', () => {
  const nodeSelectors = [{ matchLabels: { rack: '1' } }];
  const spec = {
    nodeSelectors,
    interfaces: ['eth1', 'a-name-that-no-link-has'],
    serviceSelectors: [{ matchLabels: { a: 'b' } }],
    preferredNodeSelectors: [{ weight: 1 }],
  };
  const done = migrate([pool('a'), of('L2Advertisement', 'x', spec)]);
  assert.deepEqual(done.advertisements[0]?.spec, { nodeSelectors, interfaces: ['eth1'] });
  const missing = rowsOf(done, 'L2Advertisement').filter((row) => row.startsWith('NotCarried'));
  assert.deepEqual(missing, [
    'NotCarried spec.interfaces',
    'NotCarried spec.serviceSelectors',
    'NotCarried spec.preferredNodeSelectors',
  ]);
});

test('BGP objects and pools that only BGP announces are not converted, and each of their fields is in the report', () => {
  const done = migrate([
    pool('lan'),
    pool('far'),
    of('L2Advertisement', 'x', { ipAddressPools: ['lan'] }),
    of('BGPAdvertisement', 'y', { ipAddressPools: ['far', 'lan'], localPref: 150 }),
    of('BGPPeer', 'z', { myASN: 64512, peerASN: 64512 }),
    of('BFDProfile', 'w', { receiveInterval: 380 }),
    of('Community', 'v', { communities: [] }),
  ]);
  assert.deepEqual(
    done.pools.map(({ metadata }) => metadata.name),
    ['lan'],
  );
  assert.deepEqual(rowsOf(done, 'BGPPeer'), ['NotCarried ', 'NotCarried spec.myASN', 'NotCarried spec.peerASN']);
  assert.deepEqual(rowsOf(done, 'far'), ['NotCarried ']);
  assert.match(renderFieldReport(done.rows), /BGPAdvertisement metallb-system\/y: Berth has no BGP/);
});

test('a former AddressPool becomes a pool and an advertisement, or nothing if it is for BGP', () => {
  const spec = { addresses: ['192.0.2.0/28'], autoAssign: true };
  const done = migrate([
    of('AddressPool', 'l2', { ...spec, protocol: 'layer2' }),
    of('AddressPool', 'bgp', { ...spec, protocol: 'bgp' }),
  ]);
  assert.deepEqual(
    done.pools.map(({ metadata }) => metadata.name),
    ['l2'],
  );
  assert.deepEqual(
    done.advertisements.map(({ spec }) => spec),
    [{ ipAddressPools: ['l2'] }],
  );
});

test('of two objects with the same name the last one counts, and the report names the other one; other API groups are ignored', () => {
  const other = { ...pool('p'), apiVersion: 'example.org/v1' };
  const done = migrate([pool('p'), pool('p', { autoAssign: false }), of('L2Advertisement', 'all'), other]);
  assert.deepEqual(
    done.pools.map(({ spec }) => spec.autoAssign),
    [false],
  );
  assert.equal(rowsOf(done, 'IPAddressPool')[0], 'NotCarried ');
});

test('annotations are read as they are; sharing across namespaces gets a key that names them', () => {
  const shared = (value: string) => ({ 'metallb.universe.tf/allow-shared-ip': value });
  const services = [
    balancer('a/one', {
      annotations: { ...shared('k'), 'metallb.io/ip-allocated-from-pool': 'p', 'metallb.io/address-pool': 'gone' },
      ip: '192.0.2.1',
    }),
    balancer('b/two', { annotations: shared('k'), ip: '192.0.2.1', ports: [{ port: 81 }] }),
    balancer('c/three', { annotations: shared('k'), ip: '192.0.2.2' }),
    balancer('d/four', { annotations: shared('x/y'), loadBalancerClass: 'metallb' }),
  ];
  const done = migrate([pool('p'), of('L2Advertisement', 'all')], services);
  assert.deepEqual(
    done.services.map(({ annotations }) => annotations['berth.dev/allow-shared-ip']),
    ['a,b/k', 'a,b/k', undefined, 'd/x-y'],
  );
  assert.deepEqual(rowsOf(done, 'Service a/one'), [
    'Adapted metadata.annotations[metallb.universe.tf/allow-shared-ip]',
    'NotNeeded metadata.annotations[metallb.io/ip-allocated-from-pool]',
    'NotCarried metadata.annotations[metallb.io/address-pool]',
  ]);
  assert.ok(rowsOf(done, 'Service d/four').includes('NotCarried spec.loadBalancerClass'));
});

test('the preview is the decision of the controller: which Services keep their address, and which ones do not', () => {
  const services = [
    balancer('a/keeps', { ip: '192.0.2.1' }),
    balancer('a/elsewhere', { ip: '198.51.100.1' }),
    balancer('a/asks', { ip: '192.0.2.3', annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.4' } }),
    balancer('a/node', { ip: '192.0.2.5' }),
    balancer('a/pending'),
    balancer('a/taken', { ip: '192.0.2.7' }),
    balancer('a/other', { ip: '192.0.2.6', loadBalancerClass: 'metallb' }),
  ];
  const before = {
    ...{ pools: [], namespaces: [], ownership, now: 0 },
    ledger: [entry('192.0.2.7', serviceView('owner'))],
    nodes: [
      {
        name: 'n',
        uid: 'n',
        resourceVersion: '',
        labels: {},
        excluded: false,
        addresses: ['192.0.2.5' as never],
        internalAddresses: [],
        draining: false,
      },
    ],
  };
  const previews = previewTakeOver(migrate([pool('p'), of('L2Advertisement', 'all')], services), before);
  const fates = Object.fromEntries(previews.map(({ service, fate }) => [service.slice(2), fate]));
  assert.deepEqual(fates, {
    keeps: 'Keeps',
    elsewhere: 'Changes',
    asks: 'Changes',
    node: 'Changes',
    pending: 'Pending',
    taken: 'Changes',
    other: 'NotOurs',
  });
});

test('a take-over does not start if an address would change or lose its announcement, or if MetalLB still assigns addresses', () => {
  const preview = (service: string, facts: Partial<Preview> = {}): Preview => ({
    ...{ service, fate: 'Keeps', className: undefined, addresses: ['192.0.2.10'], message: 'm' },
    ...facts,
  });
  const topology: Topology = {
    pools: [poolView('p', ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'])],
    advertisements: [advertisement({ pools: ['p'], nodeSelectors: [{ matchLabels: { lb: 'yes' } }] })],
    nodes: [node('n1', { labels: { lb: 'yes' } }), node('n2')],
    links: new Map([
      ['n1', [linkOf({ name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['192.0.2.101/24'] })]],
      ['n2', [linkOf({ name: 'eth0', mac: '02:00:00:00:00:02', addresses: ['198.51.100.102/24'] })]],
    ]),
  };
  const program = { namespace: 'm', labels: {}, images: [], wanted: 1, ready: 1 };
  const programs = [
    { ...program, kind: 'Deployment', name: 'controller', args: ['--lb-class=m'] } as const,
    { ...program, kind: 'DaemonSet', name: 'speaker', args: [] } as const,
  ];
  const situation: Situation = { programs, stop: true, controllers: 1, silent: [], topology };
  const whats = (previews: readonly Preview[], more: Partial<typeof situation> = {}) =>
    obstaclesTo(previews, { ...situation, ...more }).map(({ what }) => what.replace(/:.*/, ''));
  assert.deepEqual(whats([preview('a/fine'), preview('a/new', { fate: 'Pending', addresses: [] })]), []);
  assert.deepEqual(whats([preview('a/b', { fate: 'Changes' })]), ['Service a/b would not keep 192.0.2.10']);
  assert.deepEqual(whats([preview('a/edge', { addresses: ['192.0.2.0'] })]), [
    'Service a/edge would keep 192.0.2.0, but no node would announce it',
  ]);
  assert.deepEqual(
    whats([preview('a/far', { addresses: ['203.0.113.1'] }), preview('a/node', { addresses: ['198.51.100.1'] })])
      .length,
    2,
  );
  const everywhere = { ...topology, advertisements: [advertisement({ interfaces: ['eth0'] })] };
  assert.deepEqual(whats([preview('a/far', { addresses: ['203.0.113.1'] })], { topology: everywhere }), []);
  assert.deepEqual(
    whats([preview('a/bare', { addresses: ['203.0.113.1'] })], { topology: { ...topology, advertisements: [] } }),
    [],
  );
  assert.deepEqual(whats([], { stop: false }), ["MetalLB's controller runs (Deployment m/controller)"]);
  assert.deepEqual(whats([], { controllers: 0 }), ["none of Berth's controllers is ready"]);
  assert.deepEqual(whats([preview('a/fine')], { topology: { ...topology, links: new Map() } }), [
    "none of Berth's speakers reports its links",
  ]);
  const silent = ['n1', 'n2'].map((name) => ({ node: name, why: 'no answer' }));
  assert.deepEqual(whats([preview('a/fine')], { silent }), [
    "Berth's speaker on n1 does not answer",
    "Berth's speaker on n2 does not answer",
  ]);
  assert.deepEqual(whats([preview('a/fine')], { silent, accepted: ['n1'] }), ["Berth's speaker on n2 does not answer"]);
  const excluding = { ...topology, nodes: [node('n1', { labels: { lb: 'yes' }, excluded: true }), node('n2')] };
  assert.deepEqual(whats([preview('a/excluded')], { topology: excluding }), [
    'Service a/excluded would keep 192.0.2.10, but no node would announce it',
  ]);
  const classed = preview('a/classed', { fate: 'NotOurs', className: 'm' });
  assert.deepEqual(whats([classed]).length, 1);
  assert.deepEqual(whats([{ ...classed, className: 'other' }]), []);
  assert.deepEqual(whats([{ ...classed, className: undefined }]).length, 1);
  assert.deepEqual(whats([{ ...classed, className: undefined, addresses: ['10.1.1.1'] }]), [], "another program's");
});

test('Services that share an address, even indirectly, are taken over together', () => {
  const shown = (key: string, ...ips: readonly string[]): RawService => ({
    ...balancer(key, { ip: '192.0.2.1' }),
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  });
  const services = [
    shown('a/1', '192.0.2.1'),
    shown('a/2', '192.0.2.2'),
    shown('a/3', '192.0.2.3'),
    shown('a/4', '192.0.2.1', '192.0.2.3'),
    shown('a/5', '192.0.2.5'),
  ];
  const migration = migrate([pool('p'), of('L2Advertisement', 'all')], services);
  const previews = services.slice(0, 4).map((one) => ({
    service: `a/${one.metadata.name}`,
    fate: 'Keeps' as const,
    className: undefined,
    addresses: [],
    message: '',
  }));
  const groups = groupsToTake(migration, previews).map((group) =>
    group.map(({ service }) => service.metadata.name).sort(),
  );
  assert.deepEqual(groups.sort(), [['1', '3', '4'], ['2']]);
});
