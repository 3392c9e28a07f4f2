/** The facts that a speaker reads from the cluster's objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { desiredVipsOf, elsewhere } from '../../../src/announce/desired-vips.ts';
import { endpointNodes } from '../../../src/announce/endpoint-nodes.ts';
import { type EndpointSliceView, parseEndpointSlice } from '../../../src/api/endpoints.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { clusterSnapshot, makeInformers } from '../../../src/speaker/informers.ts';
import { entry, node } from '../fixtures.ts';
import { informersOf, serviceAt } from './node-in-a-box.ts';

/**
 * A slice of the Service `n/s`, by the names of the endpoints' nodes. Terminating endpoints are in
 * parentheses.
 */
function slice(...nodes: readonly string[]): EndpointSliceView {
  const endpoints = nodes.map((text) => ({
    addresses: ['10.0.0.1' as Ip],
    node: text.replace(/[()]/g, ''),
    ready: !text.startsWith('('),
  }));
  return { name: 's-x', uid: 'u', resourceVersion: '1', service: 'n/s', endpoints };
}

test('a node with terminating endpoints counts only if no node has a ready one', () => {
  const rows: readonly [string, readonly EndpointSliceView[], readonly string[]][] = [
    ['all are ready', [slice('n1', 'n2')], ['n1', 'n2']],
    ['one terminates', [slice('n1', '(n2)')], ['n1']],
    ['all terminate', [slice('(n1)', '(n2)')], ['n1', 'n2']],
    ['one node has both', [slice('n1', '(n1)')], ['n1']],
    ['ready in another slice', [slice('(n1)'), slice('n2')], ['n2']],
    ['ready on no node', [slice('', '(n1)')], [elsewhere]],
    ['none', [slice()], []],
  ];
  for (const [desc, slices, nodes] of rows)
    assert.deepEqual([...(endpointNodes(slices).get('n/s IPv4') ?? [])], nodes, desc);
});

/** A slice of a Service, with endpoints of one family as `ADDRESS NODE`. */
function sliceOf(service: string, addressType: 'IPv4' | 'IPv6', ...endpoints: readonly string[]): EndpointSliceView {
  const metadata = {
    ...{ name: `${service}-${addressType}`, namespace: 'default', uid: `uid-${addressType}`, resourceVersion: '1' },
    labels: { 'kubernetes.io/service-name': service },
  };
  const raw = endpoints.map((text) => {
    const [address = '', nodeName = ''] = text.split(' ');
    return { addresses: [address], nodeName, conditions: { ready: true } };
  });
  // Kubernetes also sends the family.
  return parseEndpointSlice(Object.assign({ metadata, endpoints: raw }, { addressType })) ?? assert.fail();
}

/** The nodes that may hold an address of a Service with `externalTrafficPolicy: Local`. */
function eligibleFor(address: Ip, slicesOf: (service: string) => readonly EndpointSliceView[]): readonly string[] {
  const svc = serviceAt(address, { local: true });
  const nodes = ['n1', 'n2', 'n3'];
  const informers = informersOf({
    ...{ entries: [entry(address, svc)], services: [svc], slices: slicesOf(svc.name) },
    nodes: nodes.map((name) => node(name)),
  });
  const [desiredVip = assert.fail('no VIP is desired')] = desiredVipsOf(
    clusterSnapshot(informers, nodes),
    () => undefined,
  ).vips;
  return [...desiredVip.eligible];
}

test('a VIP of a Service with policy Local is for the nodes with an endpoint', () => {
  const slices = (service: string) => [sliceOf(service, 'IPv4', '10.0.0.1 n2')];
  assert.deepEqual(eligibleFor('192.0.2.10' as Ip, slices), ['n2']);
});

test('only endpoints of its own family make a node a candidate for a VIP', () => {
  const slices = (service: string) => [sliceOf(service, 'IPv4', '10.0.0.1 n2'), sliceOf(service, 'IPv6', 'fd00::1 n3')];
  assert.deepEqual(eligibleFor('192.0.2.10' as Ip, slices), ['n2'], 'IPv4');
  assert.deepEqual(eligibleFor('2001:db8::10' as Ip, slices), ['n3'], 'IPv6');
});

test('a Pod that starts is no change of the cluster, unless something depends on its Service', async () => {
  const raw = (name: string, version: number, ...nodes: readonly string[]) => {
    const metadata = { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: `${version}` };
    const endpoints = nodes.map((nodeName) => ({ addresses: ['10.0.0.1'], nodeName, conditions: { ready: true } }));
    return { metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } }, endpoints };
  };
  const seen: string[] = [];
  const end = new AbortController();
  let changes = 0;
  const client = {
    json: async () => ({ metadata: { resourceVersion: '1' }, items: [raw('web', 1, 'n1')] }),
    async *lines() {
      // What a pass asks when there is a VIP of the Service.
      store.isServed('default/web', 'IPv4');
      for (const [what, object] of [
        ['Pod of another Service', raw('other', 2, 'n1')],
        ['Pod more', raw('web', 3, 'n1', 'n2')],
        ['last Pod ends', raw('web', 4)],
      ] as const) {
        const before = changes;
        yield { type: 'MODIFIED', object };
        seen.push(`${what}: ${changes - before}`);
      }
      end.abort();
    },
  };
  const { endpointSlices } = makeInformers(
    {
      ...{ client: client as unknown as KubeClient, log: createLogger('speaker', 'silent') },
      ...{ onChange: () => changes++, onUnreachable: () => undefined },
    },
    { namespace: 'berth-system', peerSelector: '' },
  );
  const { store } = endpointSlices;
  await endpointSlices.run(end.signal);
  assert.deepEqual(seen, ['Pod of another Service: 0', 'Pod more: 0', 'last Pod ends: 1']);
  assert.equal(changes, 2, 'the list is a change, too');
});

test('a Service without a load balancer is no change of the cluster, until it becomes one', async () => {
  const raw = (version: number, spec: object, more: object = {}) => {
    const metadata = { name: 'web', namespace: 'default', uid: 'uid-web', resourceVersion: `${version}`, ...more };
    return { metadata, spec: { ports: [{ port: 80 }], ...spec } };
  };
  const seen: string[] = [];
  const end = new AbortController();
  let changes = 0;
  const client = {
    json: async () => ({ metadata: { resourceVersion: '1' }, items: [] }),
    async *lines() {
      for (const [what, object] of [
        ['created', raw(2, { type: 'ClusterIP' })],
        ['changed', raw(3, { type: 'NodePort' })],
        ['load balancer', raw(4, { type: 'LoadBalancer' })],
        ['labels', raw(5, { type: 'LoadBalancer' }, { labels: { a: 'b' } })],
        ['no load balancer', raw(6, { type: 'ClusterIP' })],
        ['load balancer again', raw(7, { type: 'LoadBalancer' })],
        ['being deleted', raw(8, { type: 'LoadBalancer' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
      ] as const) {
        const before = changes;
        yield { type: 'MODIFIED', object };
        seen.push(`${what}: ${changes - before}, ${services.store.size}`);
      }
      end.abort();
    },
  };
  const { services } = makeInformers(
    {
      ...{ client: client as unknown as KubeClient, log: createLogger('speaker', 'silent') },
      ...{ onChange: () => changes++, onUnreachable: () => undefined },
    },
    { namespace: 'berth-system', peerSelector: '' },
  );
  await services.run(end.signal);
  assert.deepEqual(seen, [
    ...['created: 0, 0', 'changed: 0, 0', 'load balancer: 1, 1', 'labels: 1, 1'],
    ...['no load balancer: 1, 0', 'load balancer again: 1, 1', 'being deleted: 1, 0'],
  ]);
});
