/** Reads the nftables rules in the kernels of the nodes, and the condition about them in the ledger. */
import assert from 'node:assert/strict';
import { allocationName, type Ip } from '../../src/addr/ip.ts';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { type Condition, conditionIn, type Entry } from './objects.ts';

/** The condition Spread of an address in the ledger; undefined while there is none. */
export async function spreadOf(lab: Lab, vip: string): Promise<Condition | undefined> {
  return conditionIn(await lab.api.get<Entry>('ipallocations', allocationName(vip as Ip)), 'Spread');
}

/** How many packets for an IPv4 address every node has accepted so far, without those that it passed on to other nodes. */
export async function packetsOf(lab: Lab, vip: string): Promise<Readonly<Record<string, number>>> {
  const counts = lab.nodes.map(async (node) => {
    const said = await nft(node, ['get', 'element', 'ip', 'berth', 'vips', `{ ${vip} }`]);
    return [node.name, Number(/packets (\d+)/.exec(said)?.[1])] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

/** The IPv4 addresses in a set of Berth's table on a node. */
export async function addressesIn(node: LabHost, set: string): Promise<readonly string[]> {
  return (await nft(node, ['list', 'set', 'ip', 'berth', set])).match(/\d+(\.\d+){3}/g) ?? [];
}

/** Runs nft(8) on a node, and returns its output. Throws with its standard error if it fails. */
export async function nft(node: LabHost, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node.exec(['nft', ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}
