/** docs/data-path.md, seen in the kernel of the node that holds the VIP. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
});
afterEach(() => berth.cleanUp(lab));
after(() => lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']));

const both = 'ipFamilyPolicy: RequireDualStack';

/** The IPv4 and the IPv6 address of a Service that the client reaches by both. */
async function servedVips(): Promise<readonly string[]> {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips, lab.subnet.vipsIpv6));
  await lab.apply(berth.serviceManifest('one', both));
  const vips = (await berth.addressOf(lab, 'one')).split(' ').sort();
  assert.equal(vips.length, 2);
  for (const vip of vips) await eventually(`an answer from ${vip}`, () => berth.curl(lab, vip));
  return vips;
}

test("kube-proxy's rule for the VIP jumps into the chain that its NodePort uses, in both families", async () => {
  const [ipv4, ipv6] = await servedVips();
  const nodePort = await lab.kubectl(['get', 'service', 'one', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
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

test('Berth puts no address into the kernel, and no rule outside of its own tables', async () => {
  const vips = await servedVips();
  for (const node of lab.nodes) {
    const { stdout } = await node.exec(['sh', '-c', 'ip -o address; nft list tables']);
    for (const vip of vips) assert.ok(!stdout.includes(`${vip}/`), stdout);
    const tables = [...stdout.matchAll(/^table (\w+ berth)$/gm)].map(([, table]) => table);
    assert.deepEqual(tables.sort(), ['arp berth', 'ip berth', 'ip6 berth', 'netdev berth']);
    assert.equal(stdout.match(/berth/g)?.length, tables.length, 'something of ours is elsewhere');
  }
});
