/** IPv6 on a real cluster: addresses of both families, Neighbor Discovery, curl, and a holder that dies. */
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { solicitedNodeGroup } from '../../src/wire/ipv6.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import type { ServiceObject } from './objects.ts';
import { speakerPod } from './speaker-process.ts';

const lab = berth.sharedLab();
const { subnet, client } = lab;
const ipv6Only = 'ipFamilyPolicy: SingleStack, ipFamilies: [IPv6]';
const bothFamilies = 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4]';

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
beforeEach(() => lab.apply(berth.poolManifest('main', subnet.vips, subnet.vipsIpv6)));
afterEach(() => berth.cleanUp(lab));

/** Creates a Service with one IPv6 address, waits until the client reaches it, and returns the address. */
async function servedVip(spec = ipv6Only): Promise<string> {
  await lab.apply(berth.serviceManifest('one', spec));
  const vip = await berth.addressOf(lab, 'one');
  assert.match(vip, /^[0-9a-f:]+$/);
  await eventually('an answer', () => berth.get(lab, vip));
  return vip;
}

/** The neighbor entry for a VIP in the client's kernel. */
async function neighbor(vip: string): Promise<string> {
  return (await client.exec(['ip', '-6', 'neigh', 'show', vip])).stdout;
}

test('a Service of both families answers on both addresses, each from one node', async () => {
  await lab.apply(berth.serviceManifest('both', bothFamilies));
  const [ipv6 = '', ipv4 = ''] = (await berth.addressOf(lab, 'both')).split(' ');
  assert.deepEqual([ipv6, ipv4], [subnet.vipsIpv6.split('-')[0], subnet.vips.split('-')[0]]);
  for (const vip of [ipv4, ipv6])
    assert.match(await eventually(`curl ${vip}`, () => berth.get(lab, vip)), /^web-/, vip);
  await holderOf(lab, ipv4);
  const holder = await holderOf(lab, ipv6);
  assert.match(await neighbor(ipv6), new RegExp(holder.mac));
  await eventually('both addresses are announced', async () => {
    const { conditions = [] } = (await lab.api.get<ServiceObject>('services', 'both')).status;
    const said = conditions.map(({ type, status }) => `${type} ${status}`);
    return said.join(', ') === 'berth.dev/Allocated True, berth.dev/Announced True';
  });
});

test('the holder has joined the solicited-node group of the VIP, and no other node has', async () => {
  const vip = await servedVip();
  const holder = await holderOf(lab, vip);
  const group = Buffer.from(solicitedNodeGroup(vip as Ip)).toString('hex');
  for (const node of lab.nodes) {
    const { stdout } = await node.exec(['cat', '/proc/net/igmp6']);
    assert.equal(stdout.includes(group), node.name === holder.name, node.name);
  }
});

test('a host that configures the VIP on itself fails its duplicate address detection', async () => {
  const vip = await servedVip();
  const link = ['dev', client.link];
  await client.exec(['ip', 'address', 'add', `${vip}/64`, ...link]);
  try {
    await eventually('the state dadfailed', async () =>
      (await client.exec(['ip', 'address', 'show', ...link, 'to', vip])).stdout.includes('dadfailed'),
    );
  } finally {
    await client.exec(['ip', 'address', 'del', `${vip}/64`, ...link]);
  }
  assert.match(await eventually('an answer', () => berth.get(lab, vip)), /^web-/);
});

test('a deleted Service gives its IPv6 address back, and no node answers for it any more', async () => {
  const vip = await servedVip();
  await holderOf(lab, vip);
  await lab.api.delete('services', 'one');
  await eventually('no answer any more', async () => (await berth.advertisingMacs(lab, vip)).size === 0);
  assert.deepEqual(await berth.ledgerOf(lab), []);
});

test('externalTrafficPolicy Local: the holder has a backend, and the backend sees the client over IPv6', async () => {
  const vip = await servedVip(`${ipv6Only}, externalTrafficPolicy: Local`);
  const seen = await eventually('an answer', () => berth.get(lab, vip, '/clientip'));
  assert.equal(seen.replace(/^\[(.*)\]:\d+$/, '$1'), client.ipv6);
});

test("a restart of the holder's speaker moves no VIP: another speaker answers with the holder's MAC", async () => {
  const vip = await servedVip();
  const holder = await holderOf(lab, vip);
  const pod = await speakerPod(lab, holder);
  const restarted = lab.api.delete('pods', pod, { namespace: berth.namespace }).then(() => berth.rolledOut(lab));
  let running = true;
  const answers: string[] = [];
  const watched = (async () => {
    while (running) answers.push([...(await berth.advertisingMacs(lab, vip))].join());
  })();
  await restarted.finally(() => {
    running = false;
  });
  await watched;
  assert.deepEqual(new Set(answers), new Set([holder.mac]));
});

test("the death of the holder's node moves the VIP, and the client gets an unsolicited advertisement", async () => {
  const vip = await servedVip();
  const holder = await holderOf(lab, vip);
  assert.match(await neighbor(vip), new RegExp(holder.mac));
  await lab.killNode(holder);
  try {
    // The client sends no solicitation: only an unsolicited advertisement changes its neighbor entry.
    const moved = async () => /lladdr/.test(await neighbor(vip)) && !(await neighbor(vip)).includes(holder.mac);
    await eventually("the client's entry has another MAC", moved, { timeoutMs: 90_000 });
    assert.match(await neighbor(vip), new RegExp((await holderOf(lab, vip)).mac));
    // Until Kubernetes notices, kube-proxy still sends some connections to the dead node's backend.
    await eventually('curl through the new holder', () => berth.get(lab, vip), { timeoutMs: 60_000 });
  } finally {
    await lab.startNode(holder);
    await berth.nodeIsReady(lab, holder);
    await berth.rolledOut(lab);
    await lab.rolledOut('deployment/web');
  }
});
