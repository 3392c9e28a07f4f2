/** Checks docs/data-path.md against the kernels of the nodes. */
import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { spreadOf } from './nftables.ts';
import type { ServiceObject } from './objects.ts';

const lab = berth.sharedLab();

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
afterEach(() => berth.cleanUp(lab));

const both = 'ipFamilyPolicy: RequireDualStack';

/** Creates a Service that the client reaches by IPv4 and IPv6, and returns both addresses, the IPv4 one first. */
async function servedVips(): Promise<readonly string[]> {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips, lab.subnet.vipsIpv6));
  await lab.apply(berth.serviceManifest('one', both));
  const vips = (await berth.addressOf(lab, 'one')).split(' ').sort();
  assert.equal(vips.length, 2);
  for (const vip of vips) await eventually(`an answer from ${vip}`, () => berth.get(lab, vip));
  return vips;
}

test("kube-proxy's rule for a VIP jumps to the chain that the Service's NodePort uses, in both families", async () => {
  const [ipv4, ipv6] = await servedVips();
  const nodePort = (await lab.api.get<ServiceObject>('services', 'one')).spec.ports[0]?.nodePort;
  for (const [program, destination] of [
    ['iptables', `${ipv4}/32`],
    ['ip6tables', `${ipv6}/128`],
  ] as const) {
    for (const node of lab.nodes) {
      const rules = async (chain: string) => (await node.exec([program, '-t', 'nat', '-S', chain])).stdout;
      const external = await eventually(
        `the rule on ${node.name}`,
        async () =>
          new RegExp(`-d ${destination} .*--dport 80 -j (KUBE-EXT-\\w+)`).exec(await rules('KUBE-SERVICES'))?.[1],
      );
      assert.match(await rules('KUBE-NODEPORTS'), new RegExp(`--dport ${nodePort} -j ${external}`));
    }
  }
});

/** The capabilities of a node's speaker in the kernel, with all that it could ever get (capabilities(7)). */
async function capabilities(node: LabHost): Promise<readonly string[]> {
  const { stdout } = await node.exec(['sh', '-c', 'grep Cap /proc/$(pgrep -f "[m]ain.js speaker")/status']);
  const bounds = [...stdout.matchAll(/Cap(?:Prm|Eff|Bnd):\s*([0-9a-f]+)/g)].map(([, mask]) => Number(`0x${mask}`));
  assert.equal(bounds.length, 3, stdout);
  const names: Readonly<Record<number, string>> = { 12: 'NET_ADMIN', 13: 'NET_RAW' };
  const bits = [...Array(48).keys()].filter((bit) => bounds.some((mask) => Math.floor(mask / 2 ** bit) % 2 === 1));
  return bits.map((bit) => names[bit] ?? `${bit}`);
}

async function hasTables(node: LabHost): Promise<boolean> {
  return /berth/.test((await node.exec(['nft', 'list', 'tables'])).stdout);
}

/** Removes Berth's tables, as a reboot does. A speaker without rules leaves the tables of an earlier speaker, and these expire. */
async function removeTables(node: LabHost): Promise<void> {
  const families = ['ip', 'ip6', 'arp', 'netdev'].map(
    (family) => `add table ${family} berth; delete table ${family} berth`,
  );
  const { code, stderr } = await node.exec(['nft', families.join('; ')]);
  assert.equal(code, 0, stderr);
}

test('the VIP is on no interface, and the speaker has only NET_RAW and NET_ADMIN', async () => {
  const vips = await servedVips();
  for (const node of lab.nodes) {
    const { stdout } = await node.exec(['ip', '-o', 'address']);
    for (const vip of vips) assert.ok(!stdout.includes(`${vip}/`), stdout);
    assert.deepEqual(await capabilities(node), ['NET_ADMIN', 'NET_RAW']);
    const listing = (await node.exec(['nft', 'list', 'tables'])).stdout;
    const tables = [...listing.matchAll(/^table (\w+ berth)$/gm)].map(([, table]) => table);
    assert.deepEqual(tables.sort(), ['arp berth', 'ip berth', 'ip6 berth', 'netdev berth']);
    assert.equal(listing.match(/berth/g)?.length, tables.length, 'Berth has an unexpected table');
  }
});

test('without nftables rules the speaker has only NET_RAW, serves VIPs, and puts nothing into the kernel', async (t) => {
  t.after(() => berth.installBerth(lab));
  await berth.installBerth(lab, ['speaker.nftables.enabled=false']);
  for (const node of lab.nodes) await removeTables(node);
  await servedVips();
  for (const node of lab.nodes) {
    assert.deepEqual(await capabilities(node), ['NET_RAW']);
    assert.ok(!(await hasTables(node)), node.name);
  }
});

test('a speaker that may not load rules still serves VIPs, and reports why there are no rules', async (t) => {
  const isMade = `{"spec":{"template":{"spec":{"containers":[{"name":"speaker","securityContext":{"capabilities":{"add":`;
  const grant = (names: string) => {
    const patch = `${isMade}[${names}]}}}]}}}}`;
    return lab.kubectl(['-n', berth.namespace, 'patch', 'daemonset', 'berth-speaker', '-p', patch]);
  };
  t.after(async () => {
    // The program that has patched a field owns it: Helm would not change it any more.
    await lab.api.delete('daemonsets', 'berth-speaker', { namespace: berth.namespace });
    await berth.installBerth(lab);
  });
  await grant('"NET_RAW"');
  await berth.rolledOut(lab);
  for (const node of lab.nodes) await removeTables(node);
  const [vip = ''] = await servedVips();
  await lab.api.patch('l2advertisements', 'main', { spec: { distribution: 'Spread' } });
  await eventually('the reason in the ledger', async () => {
    const { reason, message = '' } = (await spreadOf(lab, vip)) ?? {};
    assert.equal(reason, 'RulesNotLoaded');
    assert.match(message, /NotPermitted/);
    return true;
  });
  // The address may still be moving: all speakers are new, and in a planned move the new holder answers before the old one stops.
  await eventually('one host that answers', async () => (await berth.answeringMacs(lab, vip)).size === 1);
  await berth.get(lab, vip);
  for (const node of lab.nodes) {
    assert.deepEqual(await capabilities(node), ['NET_RAW']);
    assert.ok(!(await hasTables(node)), node.name);
  }
});

test('packets of a VIP are counted, and the metrics have the count while the VIP exists', async () => {
  const vips = await servedVips();
  const metrics = async () => {
    const texts = lab.nodes.map((node) => node.exec(['curl', '-sS', '--max-time', '2', '127.0.0.1:7931/metrics']));
    return (await Promise.all(texts)).map(({ stdout }) => stdout).join('\n');
  };
  const received = async (vip: string) => {
    const line = new RegExp(`^berth_speaker_vip_received_packets_total\\{vip="${vip}"\\} (\\d+)$`, 'gm');
    return [...(await metrics()).matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  for (const vip of vips) {
    const before = await received(vip);
    await berth.get(lab, vip);
    await eventually(`packets for ${vip} are counted`, async () => (await received(vip)) >= before + 4);
  }
  assert.match(await metrics(), /^berth_speaker_rules_loaded 1$/m);
  await lab.api.delete('services', 'one');
  await eventually('no metric of the deleted VIPs', async () => !(await metrics()).includes('vip="'));
});
