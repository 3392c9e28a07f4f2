/**
 * kube-proxy still chooses Pods of a dead node for 40 seconds.
 * The rules on the holder make the client's next SYN reach another Pod.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import { addressesIn, nft } from './nftables.ts';
import type { Pod } from './objects.ts';
import { speakerLogs } from './speaker-process.ts';

const lab = berth.sharedLab();
const set = 'dead_endpoints';
/** The number of connections. kube-proxy chooses the dead Pod for a third of them. */
const attempts = 40;
/** The client sends its SYN again every second: four tries, before Kubernetes notices the dead node. */
const seconds = 4;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
});
after(async () => {
  for (const node of lab.nodes) {
    await lab.restoreLink(node);
    await forgetAttempts(node);
  }
  await berth.cleanUp(lab);
});

/** Makes all attempts of the client at the same time, and returns how many get no answer. */
async function failed(vip: string): Promise<number> {
  const ask = `curl -s -o /dev/null --fail --max-time ${seconds} http://${vip}/hostname || echo failed`;
  const all = `for i in $(seq ${attempts}); do (${ask}) & done; wait`;
  const { stdout } = await lab.client.exec(['sh', '-c', all]);
  return stdout.split('failed').length - 1;
}

/**
 * Removes connections that reached no Pod from a node's conntrack, where they would stay for two minutes.
 * Until then a client that uses the same port again is sent to the same Pod, even if that Pod is long gone.
 */
async function forgetAttempts(node: LabHost): Promise<void> {
  await node.exec(['conntrack', '-D', '-p', 'tcp', '--state', 'SYN_SENT']);
}

test('new connections avoid the Pods of a dead node, and do so only with the rule of Berth', async (t) => {
  const began = new Date();
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
  const pods = await lab.api.list<Pod>('pods', { labelSelector: 'app=web' });
  assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, lab.nodes.length, 'not every node has a Pod');
  const holder = await holderOf(lab, vip);
  const dead = lab.nodes.find((node) => node !== holder) ?? assert.fail('there is only one node');
  /** How many attempts fail when the node has just died. With `forget`, the rule's set is empty meanwhile. */
  const failedWithout = async (forget: boolean) => {
    await lab.cutLink(dead);
    const known = async () => {
      const addresses = await addressesIn(holder, set);
      return addresses.length > 0 && addresses;
    };
    const addresses = await eventually('dead endpoints', known, { timeoutMs: 2_000, everyMs: 50 });
    // They are not added again: Berth may drop one of them meanwhile, and would not know of it then.
    if (forget) await nft(holder, ['delete', 'element', 'ip', 'berth', set, `{ ${addresses.join(', ')} }`]);
    const count = await failed(vip);
    await forgetAttempts(holder);
    await lab.restoreLink(dead);
    await eventually('no dead endpoint', async () => (await addressesIn(holder, set)).length === 0).catch(
      async (error) => {
        t.diagnostic(await speakerLogs(lab, began));
        throw error;
      },
    );
    await berth.nodeIsReady(lab, dead);
    await eventually('no failed attempt', async () => (await failed(vip)) === 0);
    return count;
  };
  assert.equal(await failed(vip), 0);
  assert.deepEqual(await addressesIn(holder, set), []);

  const withRule = await failedWithout(false);
  const withoutRule = await failedWithout(true);
  t.diagnostic(`failed of ${attempts} attempts: ${withRule} with the rule, ${withoutRule} without it`);
  assert.ok(withRule <= 4, `with the rule ${withRule} fail: the next SYN reached the dead Pod again`);
  // Kubernetes has not noticed yet that the node is dead.
  assert.ok(withoutRule >= 5, `without the rule only ${withoutRule} fail`);
});
