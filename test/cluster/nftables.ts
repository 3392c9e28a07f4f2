/** The nftables rules as tests look at them: in the kernels of the nodes, and in the ledger. */
import assert from 'node:assert/strict';
import { allocationName, type Ip } from '../../src/addr/ip.ts';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { type Condition, conditionIn, type Entry } from './objects.ts';

/** What the ledger says of the wish to spread an address; undefined while it says nothing. */
export async function spreadOf(lab: Lab, vip: string): Promise<Condition | undefined> {
  return conditionIn(await lab.api.get<Entry>('ipallocations', allocationName(vip as Ip)), 'Spread');
}

/** How many packets for an IPv4 address every node has taken so far; those that it has passed on are not among them. */
export async function packetsOf(lab: Lab, vip: string): Promise<Readonly<Record<string, number>>> {
  const counts = lab.nodes.map(async (node) => {
    const said = await nft(node, ['get', 'element', 'ip', 'berth', 'vips', `{ ${vip} }`]);
    return [node.name, Number(/packets (\d+)/.exec(said)?.[1])] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

/** The IPv4 addresses in a set of our table on a node. */
export async function addressesIn(node: LabHost, set: string): Promise<readonly string[]> {
  return (await nft(node, ['list', 'set', 'ip', 'berth', set])).match(/\d+(\.\d+){3}/g) ?? [];
}

/** What nft(8) says on a node; throws with its standard error when it fails. */
export async function nft(node: LabHost, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node.exec(['nft', ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}
