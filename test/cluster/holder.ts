/** The node that answers for a VIP, as the client sees it. */
import assert from 'node:assert/strict';
import { allocationName, type Ip } from '../../src/addr/ip.ts';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { macsOf } from './berth.ts';
import { conditionIn, type Entry } from './objects.ts';
import { logsOf } from './pod-logs.ts';

/** How far back the logs are read that explain a failure, in milliseconds. */
const explainMs = 20_000;

/**
 * Waits until the ledger says that a VIP is announced, and returns the node that answers for it. Fails unless exactly one host
 * answers, and it is a node. The message of a failure contains the log lines of the controller and the speakers about the VIP,
 * because the cluster is removed after the run.
 *
 * Without the wait, the answer of a former holder would count: an address goes to the next Service as soon as its Service is
 * deleted, and its holder answers until it has seen that. The new holder announces it only after that.
 */
export async function holderOf(lab: Lab, vip: string): Promise<LabHost> {
  const since = new Date(Date.now() - explainMs);
  await eventually(`${vip} is announced`, async () => {
    const entry = await lab.api.find<Entry>('ipallocations', allocationName(vip as Ip));
    return conditionIn(entry, 'Announced')?.status === 'True';
  });
  const macs = [...(await macsOf(lab, vip))];
  const hosts = macs.map((mac) => ({ mac, node: lab.nodes.find((node) => node.mac === mac) }));
  if (hosts.length === 1 && hosts[0]?.node !== undefined) return hosts[0].node;
  const names = hosts.map(({ mac, node }) => `${mac} (${node?.name ?? 'no node'})`);
  assert.fail(`these hosts answer for ${vip}: ${names.join(', ')}\n${await loggedAbout(lab, vip, since)}`);
}

/** The log lines about a VIP, in the order of their times. */
export async function loggedAbout(lab: Lab, vip: string, since: Date): Promise<string> {
  const logs = await Promise.all([logsOf(lab, 'controller', since), logsOf(lab, 'speaker', since)]);
  const lines = logs.join('').split('\n');
  return lines
    .filter((line) => line.includes(vip))
    .sort()
    .join('\n');
}
