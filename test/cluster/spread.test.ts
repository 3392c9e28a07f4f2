/** Distribution `Spread` if a node or its network has a fault. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { mustRun } from '../lab/run.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import { packetsOf, spreadOf } from './nftables.ts';
import type { Pod } from './objects.ts';
import { Asking } from './promises/asking.ts';
import { answers } from './promises/client.ts';

const lab = berth.sharedLab();
const names = lab.nodes.map(({ name }) => name);
let vip: string;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.api.patch('l2advertisements', 'main', { spec: { distribution: 'Spread' } });
  await lab.apply(berth.serviceManifest('one'));
  vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
});
after(async () => {
  await berth.cleanUp(lab);
});

/** Waits until the condition Spread in the ledger matches, as the text `Status Reason: message`. */
async function says(expected: RegExp): Promise<void> {
  const ask = async () => {
    const { status, reason, message } = (await spreadOf(lab, vip)) ?? {};
    assert.match(`${status} ${reason}: ${message}`, expected);
    return true;
  };
  await eventually(`the condition Spread is ${expected}`, ask, { timeoutMs: 60_000 });
}

/** Waits until exactly these nodes serve new connections. */
async function servedBy(expected: readonly string[]): Promise<void> {
  await eventually(`packets on ${expected.join(', ')} alone`, async () => {
    const before = await packetsOf(lab, vip);
    await answers(lab.client, { address: vip }, { connections: 30 });
    const after = await packetsOf(lab, vip);
    assert.deepEqual(
      names.filter((name) => (after[name] ?? 0) > (before[name] ?? 0)),
      expected,
    );
    return true;
  });
}

/**
 * Makes the lab's bridge drop the spoofed packets of a node: those whose source is not the node, its Pods or a VIP.
 * Returns a function that ends this.
 */
async function guardPort(node: LabHost): Promise<() => Promise<void>> {
  const bridge = node.namespace.replace(/[^-]+$/, 'bridge');
  const inBridge = (input: string) => mustRun(['ip', 'netns', 'exec', bridge, 'nft', '-f', '-'], { input });
  const [pod] = await lab.api.list<Pod>('pods', {
    labelSelector: 'app=web',
    fieldSelector: `spec.nodeName=${node.name}`,
  });
  const pods = `${pod?.status.podIP?.replace(/\d+$/, '0') ?? assert.fail(`no Pod on ${node.name}`)}/24`;
  const others = `ip saddr != ${node.ip} ip saddr != ${pods} ip saddr != ${lab.subnet.vips}`;
  await inBridge(`table bridge guard {
  chain forward {
    type filter hook forward priority 0
    ether saddr ${node.mac} ${others} drop
  }
}
`);
  return async () => {
    await inBridge('delete table bridge guard\n');
  };
}

test('a node whose network drops spoofed packets serves nothing until that ends', async () => {
  await says(/^True Spread: over node1, node2, node3$/);
  await servedBy(names);
  const held = await holderOf(lab, vip);
  const guarded = lab.nodes.find((node) => node !== held) ?? assert.fail();
  const others = names.filter((name) => name !== guarded.name);
  const open = await guardPort(guarded);
  try {
    await says(new RegExp(`^True Spread: over ${others.join(', ')}, not over ${guarded.name}:`));
    const asking = new Asking(lab, { address: vip });
    try {
      await asking.more(200);
    } finally {
      asking.end();
    }
    assert.deepEqual([...asking.unconnected, ...asking.broken], []);
    await servedBy(others);
  } finally {
    await open();
  }
  await says(/^True Spread: over node1, node2, node3$/);
  await servedBy(names);
});

test('a holder whose network drops spoofed packets serves alone', async () => {
  const held = await holderOf(lab, vip);
  const open = await guardPort(held);
  try {
    await says(/^False SpreadPathBlocked: .*serves it alone$/);
    await servedBy([held.name]);
  } finally {
    await open();
  }
  await says(/^True Spread: /);
  await servedBy(names);
});

test('if the links have a qdisc whose programs see packets first, the holder serves alone', async () => {
  const each = (...args: readonly string[]) =>
    Promise.all(lab.nodes.map((node) => node.exec(['tc', 'qdisc', ...args, 'dev', node.link, 'clsact'])));
  for (const { code, stderr } of await each('add')) assert.equal(code, 0, stderr);
  try {
    await says(/^False LinkHasPrograms: /);
    await servedBy([(await holderOf(lab, vip)).name]);
  } finally {
    await each('del');
  }
  await says(/^True Spread: /);
  await servedBy(names);
});
