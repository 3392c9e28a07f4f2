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

test("kube-proxy's rule for the VIP jumps into the chain that its NodePort uses", async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.curl(lab, vip));
  const nodePort = await lab.kubectl(['get', 'service', 'one', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
  for (const node of lab.nodes) {
    const rules = async (chain: string) => (await node.exec(['iptables', '-t', 'nat', '-S', chain])).stdout;
    const external = await eventually(
      `the rule on ${node.name}`,
      async () => new RegExp(`-d ${vip}/32 .*--dport 80 -j (KUBE-EXT-\\w+)`).exec(await rules('KUBE-SERVICES'))?.[1],
    );
    assert.match(await rules('KUBE-NODEPORTS'), new RegExp(`--dport ${nodePort} -j ${external}`));
  }
});

test('Berth itself puts nothing into the kernel: no address, no nftables table', async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.curl(lab, vip));
  for (const node of lab.nodes) {
    const { stdout } = await node.exec(['sh', '-c', 'ip -o address; nft list tables']);
    assert.ok(!stdout.includes(`${vip}/`), stdout);
    assert.doesNotMatch(stdout, /berth/);
  }
});
