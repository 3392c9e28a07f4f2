/** Cluster objects as the API server sends them, and the views that we make of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipFromNumber } from '../../../src/addr/ip.ts';
import { parseAllocation } from '../../../src/api/allocation.ts';
import { parseEndpointSlice } from '../../../src/api/endpoints.ts';
import { selects } from '../../../src/api/meta.ts';
import { parseNode, parseSpeakerPod } from '../../../src/api/node.ts';
import { parsePool } from '../../../src/api/pool.ts';
import { parseService } from '../../../src/api/service.ts';

const metadata = { name: 'x', namespace: 'ns', uid: 'u', resourceVersion: '7' };

test('a Service asks for an address by annotation, under three prefixes in order, or by spec.loadBalancerIP', () => {
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

test('a Service on its way out is no LoadBalancer any more', () => {
  const spec = { type: 'LoadBalancer' };
  assert.equal(parseService({ metadata, spec }).isLoadBalancer, true);
  assert.equal(parseService({ metadata: { ...metadata, deletionTimestamp: 'now' }, spec }).isLoadBalancer, false);
  assert.equal(parseService({ metadata, spec: { type: 'ClusterIP' } }).isLoadBalancer, false);
});

test('the writer of the ingress is whoever owns the field in the status', () => {
  const owns = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  const managedFields = [
    { manager: 'kubectl', fieldsV1: { 'f:spec': {} } },
    { manager: 'berth-controller', subresource: 'status', fieldsV1: { 'f:status': { 'f:conditions': {} } } },
    { manager: 'other', subresource: 'status', fieldsV1: owns },
  ];
  assert.deepEqual(parseService({ metadata: { ...metadata, managedFields }, spec: {} }).ingressWriters, ['other']);
  assert.deepEqual(parseService({ metadata, spec: {} }).ingressWriters, []);
});

test('only conditions of ours are kept', () => {
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

test('one bad entry of a pool costs that entry only', () => {
  const view = parsePool({ metadata, spec: { addresses: ['192.0.2.9-192.0.2.1', '192.0.2.0/28'] } });
  assert.equal(view.ranges.length, 1);
  assert.deepEqual(
    view.faults.map(({ reason }) => reason),
    ['InvalidRange'],
  );
  assert.equal(view.autoAssign, true);
});

test('excluded addresses are not in the pool, and a bad exclusion closes the pool', () => {
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

test('an entry whose name is not its address proves nothing', () => {
  const spec = { address: '192.0.2.1', pool: 'p', services: [] };
  assert.equal(parseAllocation({ metadata: { ...metadata, name: '192.0.2.1' }, spec })?.address, '192.0.2.1');
  assert.equal(parseAllocation({ metadata: { ...metadata, name: '192.0.2.2' }, spec }), undefined);
  assert.equal(parseAllocation({ metadata, spec: { ...spec, address: 'x' } }), undefined);
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
  assert.deepEqual(view.servingNodes, ['absent', 'ready', 'draining']);
  assert.equal(parseEndpointSlice({ metadata, endpoints }), undefined);
  assert.deepEqual(parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints: null })?.servingNodes, []);
});

test('a speaker is ready while its Pod is, and not on its way out', () => {
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
