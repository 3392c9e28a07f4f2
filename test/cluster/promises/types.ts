/** Rows: types of Services, classes, and families of addresses. */
import assert from 'node:assert/strict';
import { answeringMacs } from '../berth.ts';
import * as client from './client.ts';
import { shared } from './manifests.ts';
import { eventually } from './patience.ts';
import type { Row } from './row.ts';
import type { World } from './world.ts';

/** Rows: types of Services, classes, and families of addresses. */
export const types: readonly Row[] = [
  {
    name: 'change of type',
    promise:
      'Between LoadBalancer and ClusterIP, NodePort, ExternalName, in every direction: the address comes and goes.',
    isLong: true,
    run: changeOfType,
  },
  {
    name: 'other types',
    promise: 'Services of type ExternalName, ClusterIP and NodePort are left as they are, and work.',
    run: otherTypes,
  },
  {
    name: 'loadBalancerClass',
    promise: "Services of another implementation's class are left alone; Berth's class can be named.",
    run: classes,
  },
  {
    name: 'loadBalancerIP',
    promise: 'The (deprecated) field asks for an address.',
    run: async (world) => {
      const wanted = fromEnd(world.lab.subnet.vips, 0);
      const { vip } = await world.expose({ loadBalancerIP: wanted });
      assert.equal(vip, wanted);
      await world.get({ address: vip });
    },
  },
  {
    name: 'dual stack',
    promise: 'A Service of both families has an address of each, in its own order, over TCP and UDP.',
    run: dualStack,
  },
  {
    name: 'IPv6 only',
    promise: 'A Service of one family can be of IPv6.',
    run: async (world) => {
      const { vips } = await world.expose({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] });
      assert.deepEqual(vips.map(isIpv6), [true]);
      for (const address of vips) await world.get({ address });
    },
  },
];

async function changeOfType(world: World): Promise<void> {
  const name = await world.service({ type: 'ClusterIP' });
  // Always the same address, which no other row has: each time no node answers for it afterwards.
  const vip = fromEnd(world.lab.subnet.vips, 1);
  const again = { type: 'LoadBalancer', loadBalancerIP: vip, externalName: null };
  for (const type of ['ClusterIP', 'NodePort', 'ExternalName']) {
    await world.patch(name, again);
    assert.deepEqual((await world.addressed(name)).vips, [vip]);
    await world.get({ address: vip });
    await world.patch(name, { type, ...(type === 'ExternalName' ? { externalName: 'example.com' } : {}) });
    await isForgotten(world, name, vip);
  }
  await world.patch(name, again);
  assert.deepEqual((await world.addressed(name)).vips, [vip]);
  await world.get({ address: vip });
}

/** Waits until a Service has no address and no condition of Berth, and no node answers for the address. */
async function isForgotten(world: World, name: string, vip: string): Promise<void> {
  await eventually(`no address and no condition of Service ${name}`, async () => {
    const { loadBalancer, conditions = [] } = (await world.read(name)).status;
    return loadBalancer?.ingress === undefined && conditions.length === 0;
  });
  await eventually(`no answer for ${vip} any more`, async () => (await answeringMacs(world.lab, vip)).size === 0);
}

async function otherTypes(world: World): Promise<void> {
  const names = [
    await world.service({ type: 'ClusterIP' }, 'clusterip'),
    await world.service({ type: 'NodePort' }, 'nodeport'),
    await world.service(
      { type: 'ExternalName', externalName: 'example.com', selector: null, ports: null },
      'externalname',
    ),
  ];
  const state = async () => JSON.stringify(await Promise.all(names.map((name) => world.read(name))));
  const before = await state();
  // Served after them, so Berth has seen them all by then.
  const { vip } = await world.expose();
  await world.get({ address: vip });
  assert.equal(await state(), before);
  const [clusterIp, nodePort] = await Promise.all(names.map((name) => world.read(name)));
  const { port, address } = { port: nodePort?.spec.ports[0]?.nodePort ?? 0, address: clusterIp?.spec.clusterIP ?? '' };
  for (const node of world.lab.nodes) {
    await world.get({ address: node.ip, port });
    await eventually(`the cluster IP at ${node.name}`, () => client.get(node, { address }));
  }
}

async function classes(world: World): Promise<void> {
  const other = await world.service({ loadBalancerClass: 'example.com/other' }, 'other');
  const before = await world.read(other);
  const { vip } = await world.expose({ loadBalancerClass: 'berth.dev/berth' }, 'ours');
  await world.get({ address: vip });
  assert.deepEqual(await world.read(other), before);
  assert.equal(before.status.loadBalancer?.ingress, undefined);
}

async function dualStack(world: World): Promise<void> {
  const ports = [
    { name: 'tcp', port: 80, targetPort: 'http' },
    { name: 'udp', port: 80, targetPort: 'dns', protocol: 'UDP' },
  ];
  const both = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'], ports };
  const { name, vips } = await world.expose(both);
  assert.deepEqual(vips.map(isIpv6), [true, false]);
  const pods = await world.pods(shared.web);
  for (const address of vips) {
    await world.answeredBy({ address }, pods.keys());
    await world.answeredOverUdp({ address }, pods.keys());
  }
  // The first family of a Service cannot change; the second one can be removed.
  await world.patch(name, {
    ipFamilyPolicy: 'SingleStack',
    ipFamilies: ['IPv6'],
    clusterIPs: [(await world.read(name)).spec.clusterIP],
  });
  await eventually('one address', async () => (await world.addressed(name)).vips.join() === vips[0]);
  await world.get({ address: vips[0] ?? '' });
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

function fromEnd(range: string, n: number): string {
  return (range.split('-')[1] ?? assert.fail(range)).replace(/\d+$/, (last) => `${Number(last) - n}`);
}
