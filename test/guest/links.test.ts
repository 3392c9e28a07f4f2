/** Links that the lab's usual kernel does not have: VLANs, bonds, and a network with delay. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addressOf, answeringMacs, poolManifest } from '../cluster/berth.ts';
import { get } from '../cluster/promises/client.ts';
import { downLab, eventually, type LabHost } from '../lab/cluster.ts';
import { namespacePrefix } from '../lab/plan.ts';
import { mustRun } from '../lab/run.ts';
import { type BareLab, serviceManifest, upBareLab } from './bare-lab.ts';

const id = 'links';
/** For this long nothing may move. */
const watchMs = 30_000;
let bare: BareLab;

before(async () => {
  bare = await upBareLab(id, 'iptables');
});
after(() => (process.env.BERTH_LAB_KEEP === undefined ? downLab(id) : undefined));

/** Runs lines of ip(8) in a namespace. */
async function ip(namespace: string, ...lines: readonly string[]): Promise<void> {
  await mustRun(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The MACs that answer on one of the client's links. */
function macsOn(link: string, address: string): Promise<ReadonlySet<string>> {
  return answeringMacs({ client: { ...bare.lab.client, link } } as BareLab['lab'], address);
}

/** A pool of one address, and a Service that gets it. */
async function expose(name: string, address: string): Promise<void> {
  const { lab } = bare;
  await lab.apply(poolManifest(name, `${address}/32`));
  await lab.apply(serviceManifest(lab, name, { loadBalancerIP: address }));
  assert.equal(await addressOf(lab, name), address);
}

/** Removes the Service and its pool. */
async function hide(name: string): Promise<void> {
  await bare.lab.kubectl(['delete', 'service,ipaddresspool,l2advertisement', name]);
}

async function macOf(node: LabHost, link: string): Promise<string> {
  return (await node.exec(['cat', `/sys/class/net/${link}/address`])).stdout.trim();
}

test('a VIP of a VLAN is answered on that VLAN, and a VIP of the untagged network without a tag', async () => {
  const { client, nodes, subnet } = bare.lab;
  const [native = ''] = subnet.vips.split('-');
  const vip = '192.168.10.200';
  const vlan = (number: number, host: number) => [
    `link add link eth0 name eth0.${number} type vlan id ${number}`,
    `link set eth0.${number} up`,
    `address add 192.168.${number}.${host}/24 dev eth0.${number}`,
  ];
  for (const [i, { namespace }] of [...nodes, client].entries()) {
    await ip(namespace, ...vlan(10, i + 1), ...vlan(20, i + 1));
  }
  await expose('vlan', vip);
  try {
    const macs = await eventually('an answer on the VLAN', async () => {
      const found = await macsOn('eth0.10', vip);
      return found.size > 0 ? found : undefined;
    });
    assert.equal(macs.size, 1);
    assert.ok(nodes.some(({ mac }) => macs.has(mac)));
    assert.equal((await macsOn('eth0.20', vip)).size, 0, 'on another VLAN');
    assert.equal((await macsOn('eth0', vip)).size, 0, 'without a tag');
    await eventually('the VIP is served', () => get(client, { address: vip }));
    // The speaker also has a packet socket on the link that carries the VLANs, where the kernel has
    // already removed the tags.
    await expose('native', native);
    await eventually('an answer without a tag', async () => (await macsOn('eth0', native)).size === 1);
    for (const link of ['eth0.10', 'eth0.20']) assert.equal((await macsOn(link, native)).size, 0, link);
    await hide('native');
  } finally {
    await hide('vlan');
    for (const { namespace } of [...nodes, client]) await ip(namespace, 'link del eth0.10', 'link del eth0.20');
  }
});

test('a VIP on a bond is announced on the bond, and stays when a member loses its cable', async () => {
  const { client, nodes } = bare.lab;
  const vip = '192.168.30.200';
  const bridge = `${namespacePrefix(id)}bridge`;
  const port = (name: string, member: number) => `b${member}-${name}`;
  await ip(bridge, 'link add br2 type bridge mcast_snooping 0', 'link set br2 up');
  const plug = async (host: LabHost, member: number) => {
    const peer = port(host.name, member);
    await ip(
      bridge,
      `link add ${peer} type veth peer name m${member} netns ${host.namespace}`,
      `link set ${peer} master br2 up`,
    );
  };
  for (const [i, host] of nodes.entries()) {
    for (const member of [0, 1]) await plug(host, member);
    const bond = [
      'link add bond0 type bond mode active-backup miimon 100',
      'link set m0 master bond0',
      'link set m1 master bond0',
    ];
    await ip(host.namespace, ...bond, 'link set bond0 up', `address add 192.168.30.${i + 1}/24 dev bond0`);
  }
  await plug(client, 0);
  await ip(client.namespace, 'link set m0 up', 'address add 192.168.30.9/24 dev m0');
  const active = async (host: LabHost) =>
    (await host.exec(['cat', '/sys/class/net/bond0/bonding/active_slave'])).stdout.trim();
  await expose('bond', vip);
  try {
    const macs = await eventually('an answer', async () => {
      const found = await macsOn('m0', vip);
      return found.size > 0 ? found : undefined;
    });
    const holders = await Promise.all(nodes.map(async (node) => ({ node, mac: await macOf(node, 'bond0') })));
    const holder = holders.find(({ mac }) => macs.has(mac))?.node ?? assert.fail(`${[...macs]} is no bond's`);
    assert.equal(macs.size, 1);
    const links = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.links[*].name}'];
    await eventually('the ledger names the bond', async () => (await bare.lab.kubectl(links)) === 'bond0');
    await eventually('the VIP is served', () => get(client, { address: vip }));
    const before = await active(holder);
    await ip(bridge, `link set ${port(holder.name, Number(before.slice(1)))} down`);
    await eventually('the other member is active', async () => (await active(holder)) !== before);
    await eventually('the VIP is still served', () => get(client, { address: vip }));
    assert.deepEqual(await macsOn('m0', vip), macs);
  } finally {
    await hide('bond');
    for (const { namespace } of nodes) await ip(namespace, 'link del bond0', 'link del m0', 'link del m1');
    await ip(client.namespace, 'link del m0');
    await ip(bridge, 'link del br2');
  }
});

test('100 ms of delay and jitter between the nodes move nothing', async () => {
  const { lab } = bare;
  const [vip = ''] = lab.subnet.vips.split('-');
  const term = () =>
    lab.kubectl(['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node} {.status.holder.term}']);
  await expose('delay', vip);
  const delay = ['root', 'netem', 'delay', '100ms', '30ms', 'distribution', 'normal'];
  try {
    await eventually('the VIP is served', () => get(lab.client, { address: vip }));
    const before = await eventually('a holder', async () => (await term()).trim() || undefined);
    for (const { exec, link } of lab.nodes)
      assert.equal((await exec(['tc', 'qdisc', 'add', 'dev', link, ...delay])).code, 0);
    const [a, b] = lab.nodes;
    const { stdout } = (await a?.exec(['ping', '-c', '3', b?.ip ?? ''])) ?? assert.fail();
    assert.ok(Number(/= [\d.]+\/([\d.]+)/.exec(stdout)?.[1]) > 100, `there is a delay: ${stdout}`);
    const end = performance.now() + watchMs;
    while (performance.now() < end) {
      assert.equal(await term(), before);
      assert.equal((await answeringMacs(lab, vip)).size <= 1, true, 'never two');
    }
    await eventually('the VIP is still served', () => get(lab.client, { address: vip }));
  } finally {
    for (const { exec, link } of lab.nodes) await exec(['tc', 'qdisc', 'del', 'dev', link, 'root']);
    await hide('delay');
  }
});
