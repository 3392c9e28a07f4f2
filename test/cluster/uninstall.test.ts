/** `helm uninstall`: it leaves nothing of Berth on the nodes, and keeps the addresses. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { nft, spreadOf } from './nftables.ts';
import type { ServiceObject } from './objects.ts';
import { answers } from './promises/client.ts';

const lab = berth.sharedLab();

before(async () => {
  await berth.installBerth(lab);
  await berth.uninstallBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
after(async () => {
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
});

/** The network settings: the global ones, and those of links that do not come and go with Pods. */
const settings =
  "sysctl -a 2>/dev/null | grep '^net' | grep -vE '(conf|neigh)\\.(veth|cali|cni)|conntrack_count|nf_conntrack_(max|buckets)'";

/** The state that must be the same. Each command prints lines, in any order. */
const looks: Readonly<Record<string, string>> = {
  tables: 'nft list tables',
  addresses: 'ip -o address show dev eth0; ip -o address show dev lo',
  groups: 'ip -o maddress show dev eth0',
  routes: 'ip route show table all dev eth0; ip rule',
  // Only permanent entries: the kernel learns other entries itself, even one for a VIP, and also forgets them itself.
  neighbors: 'ip neigh show nud permanent; ip neigh show proxy',
  programs: 'tc qdisc show dev eth0; tc filter show dev eth0 ingress; ip -d link show dev eth0 | grep -i xdp || true',
  settings,
};

async function stateOf(node: LabHost): Promise<Readonly<Record<string, readonly string[]>>> {
  const entries = Object.entries(looks).map(async ([what, command]) => {
    const { code, stdout, stderr } = await node.exec(['sh', '-c', command]);
    assert.equal(code, 0, `${what}: ${stderr}`);
    return [
      what,
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

test('helm uninstall leaves the kernels of all nodes as they were', async () => {
  const before = await Promise.all(lab.nodes.map(stateOf));
  for (const state of before) assert.ok((state.settings ?? []).length > 100, 'sysctl shows too few settings');

  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips, lab.subnet.vipsIpv6));
  await lab.api.patch('l2advertisements', 'main', { spec: { distribution: 'Spread' } });
  await lab.apply(berth.serviceManifest('one', 'ipFamilyPolicy: RequireDualStack', 'berth.dev/hand-off: NodePort'));
  const vips = (await berth.addressOf(lab, 'one')).split(' ');
  for (const vip of vips) {
    await eventually(`${vip} is spread`, async () => (await spreadOf(lab, vip))?.status === 'True');
    await eventually('answers', () => answers(lab.client, { address: vip }));
  }
  for (const node of lab.nodes) assert.match(await nft(node, ['list', 'tables']), /ip berth/);
  await berth.cleanUp(lab);

  await berth.uninstallBerth(lab);
  for (const [i, node] of lab.nodes.entries()) {
    await eventually(`nothing of Berth on ${node.name}`, async () => {
      assert.deepEqual(await stateOf(node), before[i]);
      return true;
    });
  }
});

test('helm uninstall keeps the addresses in the statuses, the ledger and the CRDs, and the next installation uses them again', async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
  const kept = async () => ({
    ingress: await berth.ingressOf(lab, 'one'),
    conditions: (await lab.api.get<ServiceObject>('services', 'one')).status.conditions?.map(({ type }) => type).join(),
    ledger: await berth.ledgerOf(lab),
    crds: (await lab.api.list('customresourcedefinitions'))
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.endsWith('.berth.dev')),
    key: (await lab.api.get('secrets', 'berth-liveness', { namespace: berth.namespace })).metadata.uid,
  });
  await eventually('both conditions', async () => /Allocated.*Announced/.test((await kept()).conditions ?? ''));
  const before = await kept();

  await berth.uninstallBerth(lab);
  assert.deepEqual(await kept(), before);
  assert.equal(before.crds.length, 3);
  assert.deepEqual(await berth.answeringMacs(lab, vip), new Set());

  await berth.installBerth(lab);
  await eventually('an answer again', () => berth.get(lab, vip));
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  await berth.cleanUp(lab);
});
