/** Every file of `examples/`, applied by kubectl. Only the addresses and the Pods' port are replaced by those of the lab. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import { spreadOf } from './nftables.ts';
import { conditionIn, type Entry, type Pod, type ServiceObject } from './objects.ts';
import { answers, get } from './promises/client.ts';

const lab = berth.sharedLab();
const { subnet, client } = lab;
const folder = new URL('../../examples/', import.meta.url);

/** The lab's address that stands for `192.0.2.N`. */
const ipv4 = (last: number | '') => subnet.vips.replace(/\d+-.*$/, `${last}`);
/** The lab's address that stands for `2001:db8:0:1::N`. */
const ipv6 = (last: string) => subnet.vipsIpv6.replace(/[0-9a-f]+-.*$/, last);

/** The namespace that an example creates. */
const shop = 'shop';

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
afterEach(async () => {
  await lab.api.deleteAll('services', { namespace: shop });
  await berth.cleanUp(lab);
});
// Another test file creates a namespace of this name: it must not find one that is being deleted.
after(() => lab.api.delete('namespaces', shop));

/** Applies an example. */
async function apply(file: string): Promise<void> {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const input = text
    .replaceAll('192.0.2.', ipv4(''))
    .replaceAll('2001:db8:0:1::', ipv6(''))
    .replaceAll('targetPort: 80\n', 'targetPort: 8080\n');
  await lab.kubectl(['apply', '--filename', '-'], { input });
}

/** Waits until a Service has these addresses. */
async function has(name: string, addresses: string, namespace = 'default'): Promise<void> {
  await eventually(`${namespace}/${name}: ${addresses}`, async () => {
    const { status } = await lab.api.get<ServiceObject>('services', name, { namespace });
    const shown = (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(' ');
    if (shown !== addresses) throw new Error(`it has "${shown}"`);
    return true;
  });
}

/** Waits until a Service has no address, for this reason. */
async function waits(name: string, expected: string): Promise<void> {
  await eventually(`${name}: ${expected}`, async () => {
    const service = await lab.api.get<ServiceObject>('services', name);
    return conditionIn(service, 'berth.dev/Allocated')?.reason === expected;
  });
  assert.equal(await berth.ingressOf(lab, name), '');
}

/** Waits until a Pod of the backends answers at an address. */
async function isServed(address: string, port = 80): Promise<void> {
  const answer = await eventually(`an answer from ${address}, port ${port}`, () => get(client, { address, port }));
  assert.match(answer, /^web-/);
}

/** Waits until this node alone answers for an address. */
async function isHeldBy(node: LabHost, address: string): Promise<void> {
  await eventually(`${node.name} holds ${address}`, async () => {
    assert.deepEqual([...(await berth.answeringMacs(lab, address))], [node.mac]);
    return true;
  });
}

/** Checks that the Pod that answers sees the client's own address. */
async function seesClient(address: string): Promise<void> {
  const seen = await eventually(`an answer from ${address}`, () => get(client, { address }, '/clientip'));
  assert.equal(seen.trim().replace(/:\d+$/, ''), client.ip);
}

test('a Service gets the first address of a pool', async () => {
  await apply('pool-and-service.yaml');
  await has('web', ipv4(10));
  await isServed(ipv4(10));
});

test('a Service of both families gets an address of each', async () => {
  await apply('both-families.yaml');
  await has('web', `${ipv4(10)} ${ipv6('10')}`);
  await isServed(ipv4(10));
  await isServed(ipv6('10'));
});

test('a pool for one namespace serves only that namespace', async () => {
  await apply('pool-for-one-namespace.yaml');
  await has('web', ipv4(10), shop);
  await waits('web', 'NoPool');
});

test('a Service gets the fixed address that it requests', async () => {
  await apply('fixed-address.yaml');
  await has('web', ipv4(42));
  await isServed(ipv4(42));
});

test('two Services share one address', async () => {
  await apply('shared-address.yaml');
  await has('web', ipv4(10));
  await has('web-admin', ipv4(10));
  await isServed(ipv4(10));
  await isServed(ipv4(10), 8443);
});

test('only the selected nodes announce the addresses', async () => {
  for (const node of lab.nodes.slice(1)) {
    await lab.kubectl(['label', 'node', node.name, 'example.com/edge=true']);
    try {
      await apply('some-nodes.yaml');
      await has('web', ipv4(10));
      await isHeldBy(node, ipv4(10));
      await isServed(ipv4(10));
    } finally {
      await lab.kubectl(['label', 'node', node.name, 'example.com/edge-']);
    }
    await berth.cleanUp(lab);
  }
});

test("Pods see the client's address", async () => {
  await apply('client-address.yaml');
  await has('web', ipv4(10));
  await isServed(ipv4(10));
  await seesClient(ipv4(10));
});

test("all Pods answer, and see the client's address", async () => {
  await apply('client-address-all-pods.yaml');
  await has('web', ipv4(10));
  const pods = await lab.api.list<Pod>('pods', { labelSelector: 'app=web' });
  const withPods = lab.nodes.map(({ name }) => name).filter((name) => pods.some(({ spec }) => spec.nodeName === name));
  assert.ok(withPods.length > 1, 'all Pods run on one node');
  const over = new RegExp(`over ${withPods.join(', ')}(,|$)`);
  // A node takes part once it has been alive for ten seconds without a break.
  const isSpread = async () => over.test((await spreadOf(lab, ipv4(10)))?.message ?? '');
  await eventually(`the condition Spread matches ${over}`, isSpread, { timeoutMs: 60_000 });
  await eventually('answers of all Pods', async () => {
    const found = await answers(client, { address: ipv4(10) }, { connections: 60 });
    assert.deepEqual([...found].sort(), pods.map(({ metadata }) => metadata.name).sort());
    return true;
  });
  await seesClient(ipv4(10));
});

test('a drained node gives its addresses away', async () => {
  await apply('pool-and-service.yaml');
  await has('web', ipv4(10));
  const holder = await holderOf(lab, ipv4(10));
  const patch = new URL('drain-node.yaml', folder).pathname;
  await lab.kubectl(['patch', 'node', holder.name, '--patch-file', patch]);
  try {
    await eventually('another holder in the ledger', async () => {
      const { status } = await lab.api.get<Entry>('ipallocations', ipv4(10));
      const node = status?.holder?.node;
      return node !== undefined && node !== holder.name;
    });
    await eventually('another MAC', async () => {
      const macs = [...(await berth.answeringMacs(lab, ipv4(10)))];
      return macs.length === 1 && macs[0] !== holder.mac;
    });
    await isServed(ipv4(10));
  } finally {
    await lab.kubectl(['annotate', 'node', holder.name, 'berth.dev/drain-']);
  }
});

test('a Service over the quota waits until an address of its namespace is free', async () => {
  await apply('quota.yaml');
  await has('web-1', ipv4(10));
  await has('web-2', ipv4(11));
  await waits('web-3', 'QuotaExceeded');
  await lab.api.delete('services', 'web-1');
  await has('web-3', ipv4(10));
});

test('a Service keeps the address that another implementation gave it', async () => {
  await lab.apply(berth.serviceManifest('web'));
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: ipv4(42) }] } } });
  await lab.kubectl(['patch', 'service', 'web', '--subresource=status', '--type=merge', '--patch', status]);
  assert.deepEqual(await berth.ledgerOf(lab), []);
  await apply('take-over.yaml');
  await eventually('the ledger entry', async () => (await berth.ledgerOf(lab)).includes(ipv4(42)));
  await eventually('Allocated', async () => {
    const service = await lab.api.get<ServiceObject>('services', 'web');
    return conditionIn(service, 'berth.dev/Allocated')?.status === 'True';
  });
  await has('web', ipv4(42));
  await isServed(ipv4(42));
});
