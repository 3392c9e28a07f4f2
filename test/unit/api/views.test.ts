/** Cluster objects as the API server sends them, and the views that Berth makes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipFromNumber, parseIp } from '../../../src/addr/ip.ts';
import { formatRange } from '../../../src/addr/range.ts';
import { allocationObject, allocationPatch, nodeOnRecord, parseAllocation } from '../../../src/api/allocation.ts';
import { parseEndpointSlice } from '../../../src/api/endpoints.ts';
import { selects } from '../../../src/api/meta.ts';
import { parseNamespace } from '../../../src/api/namespace.ts';
import { parseNode, parseSpeakerPod } from '../../../src/api/node.ts';
import { parsePool } from '../../../src/api/pool.ts';
import { ingressText, oldestFirst, parseService } from '../../../src/api/service.ts';

const metadata = { name: 'x', namespace: 'ns', uid: 'u', resourceVersion: '7' };

test('a Service requests an address by an annotation, under three prefixes in order, or by spec.loadBalancerIP', () => {
  const rows: readonly [Record<string, string>, string | undefined, readonly string[]][] = [
    [{}, undefined, []],
    [{ 'berth.dev/loadBalancerIPs': '192.0.2.1' }, undefined, ['192.0.2.1']],
    [{ 'metallb.io/loadBalancerIPs': '192.0.2.1' }, undefined, ['192.0.2.1']],
    [{ 'metallb.universe.tf/loadBalancerIPs': '192.0.2.1' }, undefined, ['192.0.2.1']],
    [
      {
        'metallb.universe.tf/loadBalancerIPs': 'c',
        'metallb.io/loadBalancerIPs': 'b',
        'berth.dev/loadBalancerIPs': 'a',
      },
      undefined,
      ['a'],
    ],
    [{ 'berth.dev/loadBalancerIPs': ' a , b ,' }, undefined, ['a', 'b']],
    [{ 'berth.dev/loadBalancerIPs': 'a' }, 'a', ['a']],
    [{ 'berth.dev/loadBalancerIPs': 'a' }, 'b', ['a', 'b']],
    [{}, 'b', ['b']],
  ];
  for (const [annotations, loadBalancerIP, expected] of rows) {
    const spec = { type: 'LoadBalancer', ...(loadBalancerIP && { loadBalancerIP }) };
    assert.deepEqual(parseService({ metadata: { ...metadata, annotations }, spec }).requests, expected);
  }
});

test('a Service that is being deleted is no LoadBalancer any more', () => {
  const spec = { type: 'LoadBalancer' };
  assert.equal(parseService({ metadata, spec }).isLoadBalancer, true);
  assert.equal(parseService({ metadata: { ...metadata, deletionTimestamp: 'now' }, spec }).isLoadBalancer, false);
  assert.equal(parseService({ metadata, spec: { type: 'ClusterIP' } }).isLoadBalancer, false);
});

test('the writer of the ingress is the field manager that owns the field in the status', () => {
  const owns = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  const managedFields = [
    { manager: 'kubectl', fieldsV1: { 'f:spec': {} } },
    { manager: 'berth-controller', subresource: 'status', fieldsV1: { 'f:status': { 'f:conditions': {} } } },
    { manager: 'other', subresource: 'status', fieldsV1: owns, time: '1970-01-01T00:00:09Z' },
    { subresource: 'status', fieldsV1: owns, time: 'never' },
  ];
  assert.deepEqual(parseService({ metadata: { ...metadata, managedFields }, spec: {} }).ingressWriters, [
    { manager: 'other', at: 9_000 },
    { manager: 'unknown', at: 0 },
  ]);
  assert.deepEqual(parseService({ metadata, spec: {} }).ingressWriters, []);
});

test('a Service requests pools in order, and shares only by a key that is not empty', () => {
  const of = (annotations: Record<string, string>) =>
    parseService({ metadata: { ...metadata, annotations }, spec: {} });
  assert.deepEqual(of({ 'metallb.io/address-pool': ' b, a ,,b' }).requestedPools, ['b', 'a', 'b']);
  assert.deepEqual(of({ 'berth.dev/address-pool': ' ' }).requestedPools, []);
  assert.equal(of({ 'metallb.universe.tf/allow-shared-ip': 'k' }).sharingKey, 'k');
  assert.equal(of({ 'berth.dev/allow-shared-ip': '', 'metallb.io/allow-shared-ip': 'k' }).sharingKey, undefined);
  assert.equal(of({}).sharingKey, undefined);
});

test('the facts that decide about sharing: ports with their protocol, the policy, the selector in one spelling', () => {
  const view = (spec: object) => parseService({ metadata, spec });
  const ports = [{ port: 53, protocol: 'UDP' }, { port: 80 }];
  assert.deepEqual(view({ ports }).ports, [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 80 },
  ]);
  assert.deepEqual([view({ externalTrafficPolicy: 'Local' }).local, view({}).local], [true, false]);
  assert.equal(view({ selector: { b: '1', a: '2' } }).selector, view({ selector: { a: '2', b: '1' } }).selector);
  assert.notEqual(view({ selector: { a: '1' } }).selector, view({ selector: { a: '2' } }).selector);
});

test('families keep the order of the Service, and unknown families are left out', () => {
  const view = parseService({
    metadata,
    spec: { ipFamilies: ['IPv6', 'IPv9', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' },
  });
  assert.deepEqual([view.families, view.familyPolicy], [['IPv6', 'IPv4'], 'PreferDualStack']);
  assert.deepEqual(parseService({ metadata, spec: {} }).families, []);
  assert.equal(parseService({ metadata, spec: {} }).familyPolicy, 'SingleStack');
});

test('an ingress as text is the same with the default ipMode and without ipMode', () => {
  assert.equal(ingressText([{ ip: '192.0.2.1' }]), ingressText([{ ip: '192.0.2.1', ipMode: 'VIP' }]));
  assert.notEqual(ingressText([{ ip: '192.0.2.1' }]), ingressText([{ ip: '192.0.2.1', ipMode: 'Proxy' }]));
  assert.notEqual(ingressText([{ hostname: 'a' }]), ingressText([{ ip: 'a' }]));
  assert.notEqual(ingressText([{ ip: 'a' }, { ip: 'b' }]), ingressText([{ ip: 'b' }, { ip: 'a' }]));
});

test('the older Service goes first; Services of one age are ordered by namespace and name', () => {
  const view = (name: string, creationTimestamp: string, namespace = 'ns') =>
    parseService({ metadata: { ...metadata, name, namespace, creationTimestamp }, spec: {} });
  const sorted = [view('b', '2'), view('a', '2', 'zz'), view('a', '2'), view('z', '1')].sort(oldestFirst);
  assert.deepEqual(
    sorted.map(({ key }) => key),
    ['ns/z', 'ns/a', 'ns/b', 'zz/a'],
  );
});

test('only conditions of Berth are kept', () => {
  const condition = { status: 'True', reason: 'R', message: '', lastTransitionTime: '' } as const;
  const conditions = [
    { ...condition, type: 'berth.dev/Allocated' },
    { ...condition, type: 'LoadBalancerPortsError' },
  ];
  const view = parseService({ metadata, spec: {}, status: { conditions } });
  assert.deepEqual(
    view.conditions.map(({ type }) => type),
    ['berth.dev/Allocated'],
  );
});

test('one invalid entry of a pool makes only that entry unusable', () => {
  const view = parsePool({ metadata, spec: { addresses: ['192.0.2.9-192.0.2.1', '192.0.2.0/28'] } });
  assert.equal(view.ranges.length, 1);
  assert.deepEqual(
    view.faults.map(({ reason }) => reason),
    ['InvalidRange'],
  );
  assert.equal(view.autoAssign, true);
});

test('every field of a pool has a default', () => {
  const { name, uid, resourceVersion, ...facts } = parsePool({ metadata, spec: { addresses: [] } });
  assert.deepEqual(facts, {
    created: '',
    generation: 0,
    ranges: [],
    faults: [],
    autoAssign: true,
    avoidBuggyIPs: false,
    allocation: undefined,
    state: 'Active',
    quota: undefined,
    retainMs: 0,
    reuseAfterMs: 0,
    counts: undefined,
    conditions: [],
  });
  const empty = { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [], strict: false };
  assert.deepEqual(parsePool({ metadata, spec: { addresses: [], serviceAllocation: {} } }).allocation, empty);
});

test('the view of a pool has its other fields besides the addresses', () => {
  const spec = {
    addresses: [],
    quota: { perNamespace: 0 },
    retainFor: '1h30m',
    reuseAfter: '30s',
    state: 'Draining' as const,
  };
  const { quota, retainMs, reuseAfterMs, state } = parsePool({ metadata, spec });
  assert.deepEqual([quota, retainMs, reuseAfterMs, state], [0, 5_400_000, 30_000, 'Draining']);
  const counted = { assignedIPv4: 1, availableIPv4: 2, used: '1', free: '2' };
  const { counts } = parsePool({ metadata, spec, status: counted });
  assert.deepEqual(counts, { ...counted, assignedIPv6: 0, availableIPv6: 0 });
});

test('excluded addresses are not in the pool, and an invalid exclusion closes the pool', () => {
  const addresses = ['192.0.2.0/29'];
  const pool = parsePool({
    metadata,
    spec: { addresses, exclude: ['192.0.2.0', '192.0.2.3-192.0.2.4', '198.51.100.1'] },
  });
  const texts = pool.ranges.map(({ first, last }) => `${ipFromNumber(first, 'IPv4')}-${ipFromNumber(last, 'IPv4')}`);
  assert.deepEqual(texts, ['192.0.2.1-192.0.2.2', '192.0.2.5-192.0.2.7']);
  const closed = parsePool({ metadata, spec: { addresses, exclude: ['192.0.2.4-192.0.2.3'] } });
  assert.deepEqual(closed.ranges, []);
  assert.match(closed.faults[0]?.message ?? '', /^spec\.exclude: /);
});

test('the name of an entry makes an address taken, whatever the entry holds', () => {
  const spec = { address: '192.0.2.1', pool: 'p', services: [{ namespace: 'n', name: 's', uid: 'u' }] };
  const read = (name: string, of: unknown) => parseAllocation({ metadata: { ...metadata, name }, spec: of as never });
  const whole = read('192.0.2.1', spec);
  assert.deepEqual([whole?.address, whole?.services, whole?.fault], ['192.0.2.1', spec.services, undefined]);
  for (const [name, of] of [
    ['192.0.2.2', spec],
    ['192.0.2.2', undefined],
    ['192.0.2.2', { ...spec, address: 'x' }],
    ['192.0.2.2', { ...spec, address: 7 }],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', spec],
  ] as const) {
    const { address, services, fault } = read(name, of) ?? assert.fail(name);
    assert.deepEqual([address, services], [name === '192.0.2.2' ? name : '2001:db8::1', []]);
    assert.match(fault ?? '', /^spec\.address is .*, but must be /);
  }
  for (const name of ['x', '192.0.2', '2001-db8--1', '192.000.002.001'])
    assert.equal(read(name, spec), undefined, name);
});

test('the view of an entry has the Services of the address, and until when it is reserved', () => {
  const spec = { address: '2001:DB8::1', pool: 'p' };
  const name = '2001-0db8-0000-0000-0000-0000-0000-0001';
  const view = (facts: object) =>
    parseAllocation({ metadata: { ...metadata, name }, spec: { ...spec, ...facts } as never });
  assert.deepEqual([view({})?.address, view({})?.services, view({})?.reservedUntil], ['2001:db8::1', [], undefined]);
  assert.equal(view({})?.value, 0x20010db8000000000000000000000001n);
  assert.equal(view({ reservedUntil: '1970-01-01T00:01:00Z' })?.reservedUntil, 60_000);
  assert.equal(view({ reservedUntil: 'soon' })?.reservedUntil, Number.NaN);
  assert.equal(view({ sharingKey: 'ns/k' })?.sharingKey, 'ns/k');
});

test('an entry is created under one name for every spelling, and updated only from the version that was read', () => {
  const spec = { address: parseIp('2001:DB8:0::1') ?? assert.fail(), pool: 'p', services: [] };
  const name = '2001-0db8-0000-0000-0000-0000-0000-0001';
  const created = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAllocation', metadata: { name }, spec };
  assert.deepEqual(allocationObject(spec), created);
  const of = { name, uid: 'u', resourceVersion: '7' };
  const optional = { sharingKey: null, reservedUntil: null, formerNamespaces: null, adopted: null, quarantine: null };
  const change = allocationPatch({ spec: { ...spec, sharingKey: 'k' } }, of);
  assert.deepEqual(change, { metadata: { resourceVersion: '7' }, spec: { ...optional, ...spec, sharingKey: 'k' } });
});

test('a change of annotations leaves the spec of an entry as it is', () => {
  const of = { name: 'n', uid: 'u', resourceVersion: '7' };
  const change = allocationPatch({ annotations: { a: 'b', c: null } }, of);
  assert.deepEqual(change, { metadata: { resourceVersion: '7', annotations: { a: 'b', c: null } } });
});

test('the addresses of a node are its IP addresses of any type, without its host names', () => {
  const addresses = [
    { type: 'InternalIP', address: '192.0.2.1' },
    { type: 'ExternalIP', address: '2001:DB8::1' },
    { type: 'Hostname', address: 'node-1' },
  ];
  assert.deepEqual(parseNode({ metadata, status: { addresses } }).addresses, ['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(parseNode({ metadata }).addresses, []);
});

test('a namespace has a name and labels', () => {
  assert.deepEqual(parseNamespace({ metadata: { ...metadata, labels: { a: 'b' } } }).labels, { a: 'b' });
  assert.deepEqual(parseNamespace({ metadata }).labels, {});
});

test('source ranges are parsed as CIDRs', () => {
  const ranges = ['192.0.2.0/24', ' 2001:db8::/32'];
  const view = parseService({ metadata, spec: { loadBalancerSourceRanges: ranges } });
  assert.deepEqual(view.sourceRanges.map(formatRange), ['192.0.2.0/24', '2001:db8::/32']);
  assert.deepEqual(parseService({ metadata, spec: {} }).sourceRanges, []);
});

test('a Service with a source range in an obsolete spelling is not open to every client', () => {
  const viewOf = (loadBalancerSourceRanges: readonly string[]) =>
    parseService({ metadata, spec: { loadBalancerSourceRanges } });
  // Kubernetes accepts this value, and reads it as 10.0.0.0/8.
  assert.deepEqual(viewOf(['010.0.0.0/8']), viewOf(['10.0.0.0/8']));
});

test('an endpoint serves unless it is neither ready nor serving', () => {
  const endpoints = [
    { nodeName: 'absent' },
    { nodeName: 'ready', conditions: { ready: true } },
    { nodeName: 'draining', conditions: { ready: false, serving: true } },
    { nodeName: 'dead', conditions: { ready: false, serving: false } },
    { conditions: { ready: true } },
  ];
  const labels = { 'kubernetes.io/service-name': 'svc' };
  const view = parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints });
  assert.equal(view?.service, 'ns/svc');
  const found = view.endpoints.map(({ node, ready }) => [node, ready]);
  assert.deepEqual(found, [
    ['absent', true],
    ['ready', true],
    ['draining', false],
    ['', true],
  ]);
  assert.equal(parseEndpointSlice({ metadata, endpoints }), undefined);
  assert.deepEqual(parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints: null })?.endpoints, []);
});

test('the addresses of an endpoint are its valid IP addresses only', () => {
  const labels = { 'kubernetes.io/service-name': 'svc' };
  const endpoints = [{ addresses: ['10.0.0.1', 'FD00::1', 'host.example'], nodeName: 'n1' }];
  const view = parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints });
  assert.deepEqual(view?.endpoints, [{ addresses: ['10.0.0.1', 'fd00::1'], node: 'n1', ready: true }]);
});

test('a speaker is ready while its Pod is ready and not being deleted', () => {
  const status = { conditions: [{ type: 'Ready', status: 'True' }] };
  const spec = { nodeName: 'n' };
  assert.equal(parseSpeakerPod({ metadata, spec, status })?.ready, true);
  assert.equal(parseSpeakerPod({ metadata, spec })?.ready, false);
  assert.equal(parseSpeakerPod({ metadata: { ...metadata, deletionTimestamp: 'now' }, spec, status })?.ready, false);
  assert.equal(parseSpeakerPod({ metadata, status }), undefined);
});

test('the exclude label counts with any value', () => {
  const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
  assert.equal(parseNode({ metadata: { ...metadata, labels } }).excluded, true);
  assert.equal(parseNode({ metadata }).excluded, false);
});

test('selectors select as in Kubernetes', () => {
  const labels = { zone: 'a', disk: 'ssd' };
  const expression = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', key: string, values?: string[]) =>
    selects({ matchExpressions: [{ key, operator, ...(values && { values }) }] }, labels);
  assert.equal(selects({}, labels), true);
  assert.equal(selects({ matchLabels: { zone: 'a' } }, labels), true);
  assert.equal(selects({ matchLabels: { zone: 'a', disk: 'hdd' } }, labels), false);
  assert.equal(expression('In', 'zone', ['a', 'b']), true);
  assert.equal(expression('In', 'rack', ['a']), false);
  assert.equal(expression('NotIn', 'zone', ['b']), true);
  assert.equal(expression('NotIn', 'rack', ['b']), true);
  assert.equal(expression('NotIn', 'zone', ['a']), false);
  assert.equal(expression('Exists', 'disk'), true);
  assert.equal(expression('DoesNotExist', 'disk'), false);
});

test('a label may be named like a property that every object has', () => {
  for (const key of ['constructor', 'toString', 'valueOf']) {
    const matches = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist') =>
      selects({ matchExpressions: [{ key, operator, values: ['x'] }] }, {});
    const found = [matches('In'), matches('NotIn'), matches('Exists'), matches('DoesNotExist')];
    assert.deepEqual(found, [false, true, false, true], key);
    assert.equal(selects({ matchExpressions: [{ key, operator: 'Exists' }] }, { [key]: 'x' }), true, key);
    assert.equal(selects({ matchLabels: { [key]: 'x' } }, { [key]: 'x' }), true, key);
  }
});

test('a node is recognized by the hardware address with which it held an address', () => {
  const links = [{ name: 'eth0', mac: '02:00:00:00:00:01' }];
  const entries = [
    { recorded: undefined },
    { recorded: { node: 'n0', term: 1 } },
    { recorded: { node: 'n1', term: 2, links } },
  ];
  const nodes = [{ name: 'n1' }, { name: 'n2' }];
  assert.equal(nodeOnRecord(entries, { mac: '02:00:00:00:00:01', nodes }), 'n1');
  assert.equal(nodeOnRecord(entries, { mac: '02:00:00:00:00:02', nodes }), undefined);
  // A machine that was a node may serve anything now.
  assert.equal(nodeOnRecord(entries, { mac: '02:00:00:00:00:01', nodes: [{ name: 'n2' }] }), undefined);
});
