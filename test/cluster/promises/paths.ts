/** Rows: the ways on which packets reach the Pods. These rows are promises of Berth, not of Kubernetes. */
import assert from 'node:assert/strict';
import { packetsOf } from '../nftables.ts';
import { Asking } from './asking.ts';
import * as client from './client.ts';
import { type HandOff, handOffAnnotation, ipModeOf } from './column.ts';
import { eventually } from './patience.ts';
import type { Row } from './row.ts';
import type { World } from './world.ts';

/** Rows: the ways on which packets reach the Pods. */
export const paths: readonly Row[] = [
  {
    name: 'change of hand-off',
    promise:
      'The way to the Pods changes while the Service lives (annotation `berth.dev/hand-off`): no connection attempt fails.',
    isLong: true,
    run: changeOfHandOff,
  },
  {
    name: 'distribution',
    promise: 'With `Single` one node serves an address, with `Spread` every node serves a share of its connections.',
    run: distribution,
  },
];

async function changeOfHandOff(world: World): Promise<void> {
  const { name, vip } = await world.expose();
  await world.get({ address: vip });
  const own = world.column.handOff;
  const other: HandOff = own === 'NodePort' ? 'KubeProxy' : 'NodePort';
  const asking = new Asking(world.lab, { address: vip });
  try {
    for (const handOff of [other, own] as const) {
      await world.annotate(name, handOffAnnotation, handOff);
      await isHandedOff(world, { name, vip, handOff });
      // Waits for requests that began before the change.
      await asking.more(100);
    }
  } finally {
    asking.end();
  }
  assert.deepEqual(asking.unconnected, []);
  // A connection that is open while a node changes its rules may end.
  assert.ok(asking.broken.length <= 2 * world.lab.nodes.length, asking.broken.join('\n'));
}

interface Handed {
  readonly name: string;
  readonly vip: string;
  readonly handOff: HandOff;
}

/** Waits until the status and every node's rules have this hand-off, and no rule has the other one. */
async function isHandedOff(world: World, { name, vip, handOff }: Handed): Promise<void> {
  const expected = ipModeOf({ handOff });
  await eventually(`ipMode ${expected}`, async () => {
    const { ingress = [] } = (await world.read(name)).status.loadBalancer ?? {};
    return ingress.length > 0 && ingress.every(({ ipMode }) => ipMode === expected);
  });
  for (const node of world.lab.nodes) {
    await eventually(`the hand-off ${handOff} on ${node.name}`, async () => {
      const { code } = await node.exec(['nft', 'get', 'element', 'ip', 'berth', 'tcp_to', `{ ${vip} . 80 }`]);
      return (code === 0) === (handOff === 'NodePort');
    });
  }
}

async function distribution(world: World): Promise<void> {
  const { vip } = await world.expose();
  await world.get({ address: vip });
  await eventually('packets on the right nodes', async () => {
    // Each try counts from here: packets that arrived before the address reached its holder stay in another node's count.
    const before = await packetsOf(world.lab, vip);
    await client.answers(world.lab.client, { address: vip }, { connections: 30 });
    const after = await packetsOf(world.lab, vip);
    const serving = world.lab.nodes.map(({ name }) => name).filter((name) => (after[name] ?? 0) > (before[name] ?? 0));
    const expected =
      world.column.distribution === 'Spread' ? world.lab.nodes.map(({ name }) => name) : [await world.holderOf(vip)];
    assert.deepEqual(serving, expected);
    return true;
  });
}
