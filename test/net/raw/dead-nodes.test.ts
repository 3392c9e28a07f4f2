/**
 * Which new connections a node drops because it takes another node for dead, when EndpointSlices
 * contain what any user may write.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawEndpointSlice } from '../../../src/api/endpoints.ts';
import { Gathering, type Surroundings, surroundings } from './gathering.ts';
import { clusterOf, rawNode, rawService, rawSlice } from './objects.ts';

/** Longer than Kubernetes takes, by default, to find out that a node is dead. */
const minuteMs = 60_000;

const service = rawService('web', []);
const ready = { ready: true, serving: true, terminating: false };

/** The address of n2, as its speaker reports it. */
function addressOf({ peers: { n2 } = surroundings.peers }: Partial<Surroundings>): string {
  return n2?.[0]?.addresses[0]?.split('/')[0] ?? '';
}

/** The addresses to which new connections are dropped, this many milliseconds after the last heartbeat of n2. */
async function avoided(
  endpointSlices: readonly RawEndpointSlice[],
  laterMs: number,
  around: Partial<Surroundings> = {},
): Promise<readonly string[]> {
  const node = new Gathering();
  try {
    const nodes = clusterOf().nodes.map((one) =>
      one.metadata.name === 'n2' ? rawNode('n2', [addressOf(around)]) : one,
    );
    const cluster = clusterOf({ services: [service], endpointSlices, nodes });
    await node.pathOf(cluster, { present: ['n1', 'n3'], lost: ['n2'], ...around });
    return (await node.look(laterMs)).deadEndpoints.toSorted();
  } finally {
    node.close();
  }
}

const pods = rawSlice('web', service, {
  endpoints: [
    { addresses: ['10.244.2.5'], nodeName: 'n2', conditions: ready },
    { addresses: ['10.244.3.5'], nodeName: 'n3', conditions: ready },
  ],
});

test('the Pods of a node that also answers no probe get no new connections, and other Pods do', async () => {
  assert.deepEqual(await avoided([pods], 0), []);
  assert.deepEqual(await avoided([pods], 400), ['10.244.2.5']);
});

test('a node behind a router still gets new connections while its speaker is silent', async () => {
  const { n3 = [] } = surroundings.peers;
  const n2 = [{ name: 'eth0', mac: '02:00:00:00:00:12', addresses: ['192.0.2.3/24'] }];
  assert.deepEqual(
    await avoided([pods], minuteMs, { peers: { n2, n3 } }),
    [],
    'Pods of a node whose heartbeats only we miss',
  );
});

test("a node's own addresses are never avoided, whatever runs on its network", async () => {
  const host = rawSlice('host', service, {
    endpoints: [{ addresses: ['10.99.0.3'], nodeName: 'n2', conditions: ready }],
  });
  assert.deepEqual(
    await avoided([pods, host], 400),
    ['10.244.2.5'],
    'SSH, kubelet and the API server use this address, too',
  );
});

test('an address that a slice places outside of the dead node stays reachable', async () => {
  const database = rawService('database', []);
  const outside = rawSlice('outside', database, { endpoints: [{ addresses: ['192.0.2.50'], conditions: ready }] });
  const forged = rawSlice('forged', service, {
    endpoints: [{ addresses: ['192.0.2.50'], nodeName: 'n2', conditions: ready }],
  });
  for (const slices of [
    [pods, outside, forged],
    [forged, outside, pods],
  ]) {
    assert.deepEqual(await avoided(slices, 400), ['10.244.2.5']);
  }
});

test("the addresses of this node's own links, and of the dead node's other links, are never avoided", async () => {
  const { n3 = [], n2 = [] } = surroundings.peers;
  const storage = { name: 'eth1', mac: '02:00:00:00:01:12', addresses: ['10.77.0.3/24'] };
  const forged = rawSlice('forged', service, {
    endpoints: [{ addresses: ['10.77.0.3', '10.99.0.2', 'fd99::2'], nodeName: 'n2', conditions: ready }],
  });
  assert.deepEqual(await avoided([pods, forged], 400, { peers: { n2: [...n2, storage], n3 } }), ['10.244.2.5']);
});

test('a namespace with more endpoints than a node can have does not fill the rules of all nodes', async () => {
  const endpoints = Array.from({ length: 2_000 }, (_, i) => {
    return { addresses: [`10.66.${i >> 8}.${i & 255}`], nodeName: 'n2', conditions: ready };
  });
  const flood = rawSlice('flood', rawService('flood', []), { endpoints });
  const other = rawSlice('pods', rawService('web', [], { metadata: { namespace: 'other' } }), {
    endpoints: [{ addresses: ['10.244.2.5'], nodeName: 'n2', conditions: ready }],
  });
  const found = await avoided([flood, other], 400);
  assert.equal(found.length, 501);
  assert.ok(found.includes('10.244.2.5'));
});

test('a Pod of a living node stays reachable, whatever node another slice names for its address', async () => {
  const dns = rawService('kube-dns', [], { metadata: { namespace: 'kube-system' } });
  const real = rawSlice('kube-dns', dns, {
    endpoints: [{ addresses: ['10.244.3.53'], nodeName: 'n3', conditions: ready }],
  });
  const forged = rawSlice('forged', service, {
    endpoints: [{ addresses: ['10.244.3.53', '10.99.0.4'], nodeName: 'n2', conditions: ready }],
  });
  assert.deepEqual(await avoided([pods, real, forged], 400), ['10.244.2.5'], 'a forged slice about living nodes');
});
