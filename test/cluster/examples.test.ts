/** Every file of `examples/`, applied by kubectl as it is, but for the addresses and the Pods' port, which are the lab's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
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

/** The namespace that an example makes. */
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
// Another file makes a namespace of this name: it must not find one that is on its way out.
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

/** The Pods see the client, whichever of them answers. */
async function seesClient(address: string): Promise<void> {
  const seen = await eventually(`an answer from ${address}`, () => get(client, { address }, '/clientip'));
  assert.equal(seen.trim().replace(/:\d+$/, ''), client.ip);
}

test('one pool and one Service', async () => {
  await apply('pool-and-service.yaml');
  await has('web', ipv4(10));
  await isServed(ipv4(10));
});

test('a Service of both families', async () => {
  await apply('both-families.yaml');
  await has('web', `${ipv4(10)} ${ipv6('10')}`);
  await isServed(ipv4(10));
  await isServed(ipv6('10'));
});

test('a pool for one namespace only', async () => {
  await apply('pool-for-one-namespace.yaml');
  await has('web', ipv4(10), shop);
  await waits('web', 'NoPool');
});

test('a fixed address', async () => {
  await apply('fixed-address.yaml');
  await has('web', ipv4(42));
  await isServed(ipv4(42));
});

test('one address for two Services', async () => {
  await apply('shared-address.yaml');
  await has('web', ipv4(10));
  await has('web-admin', ipv4(10));
  await isServed(ipv4(10));
  await isServed(ipv4(10), 8443);
});

test('addresses that only some nodes announce', async () => {
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

test("Pods that see the client's address", async () => {
  await apply('client-address.yaml');
  await has('web', ipv4(10));
  await isServed(ipv4(10));
  await seesClient(ipv4(10));
});

test("all Pods take part, and see the client's address", async () => {
  await apply('client-address-all-pods.yaml');
  await has('web', ipv4(10));
  const pods = await lab.api.list<Pod>('pods', { labelSelector: 'app=web' });
  const withPods = lab.nodes.map(({ name }) => name).filter((name) => pods.some(({ spec }) => spec.nodeName === name));
  assert.ok(withPods.length > 1, 'all Pods are at one node');
  const over = new RegExp(`over ${withPods.join(', ')}(,|$)`);
  // A node takes part once it has lived for ten seconds without a break.
  const isSpread = async () => over.test((await spreadOf(lab, ipv4(10)))?.message ?? '');
  await eventually(`a spread ${over}`, isSpread, { timeoutMs: 60_000 });
  await eventually('answers of all Pods', async () => {
    const found = await answers(client, { address: ipv4(10) }, { connections: 60 });
    assert.deepEqual([...found].sort(), pods.map(({ metadata }) => metadata.name).sort());
    return true;
  });
  await seesClient(ipv4(10));
});

test('a node that gives its addresses away', async () => {
  await apply('pool-and-service.yaml');
  await has('web', ipv4(10));
  const [mac] = await berth.macsOf(lab, ipv4(10));
  const holder = lab.nodes.find((node) => node.mac === mac) ?? assert.fail(`${mac} is no node's`);
  const patch = new URL('drain-node.yaml', folder).pathname;
  await lab.kubectl(['patch', 'node', holder.name, '--patch-file', patch]);
  try {
    await eventually('another holder on record', async () => {
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

test('a quota, and an address that becomes free', async () => {
  await apply('quota.yaml');
  await has('web-1', ipv4(10));
  await has('web-2', ipv4(11));
  await waits('web-3', 'QuotaExceeded');
  await lab.api.delete('services', 'web-1');
  await has('web-3', ipv4(10));
});

test('a Service that another implementation gave its address', async () => {
  await lab.apply(berth.serviceManifest('web'));
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: ipv4(42) }] } } });
  await lab.kubectl(['patch', 'service', 'web', '--subresource=status', '--type=merge', '--patch', status]);
  assert.deepEqual(await berth.ledgerOf(lab), []);
  await apply('take-over.yaml');
  await eventually('an entry of the ledger', async () => (await berth.ledgerOf(lab)).includes(ipv4(42)));
  await eventually('Allocated', async () => {
    const service = await lab.api.get<ServiceObject>('services', 'web');
    return conditionIn(service, 'berth.dev/Allocated')?.status === 'True';
  });
  await has('web', ipv4(42));
  await isServed(ipv4(42));
});
