/** The node that answers for a VIP, as the client sees it. */
import assert from 'node:assert/strict';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { macsOf } from './berth.ts';
import { logsOf } from './pod-logs.ts';

/** How far back the logs are read that explain a failure, in milliseconds. */
const explainMs = 20_000;

/**
 * The node that answers for a VIP. Fails unless exactly one host answers, and it is a node. The message then has what the
 * controller and the speakers logged about the VIP, because the cluster is gone when somebody reads it.
 */
export async function holderOf(lab: Lab, vip: string): Promise<LabHost> {
  const since = new Date(Date.now() - explainMs);
  const macs = [...(await macsOf(lab, vip))];
  const [holder, ...more] = macs.map((mac) => lab.nodes.find((node) => node.mac === mac));
  if (holder !== undefined && more.length === 0) return holder;
  const names = macs.map((mac) => `${mac} (${lab.nodes.find((node) => node.mac === mac)?.name ?? 'no node'})`);
  assert.fail(`these hosts answer for ${vip}: ${names.join(', ')}\n${await loggedAbout(lab, vip, since)}`);
}

/** The log lines about a VIP, in the order of their times. */
async function loggedAbout(lab: Lab, vip: string, since: Date): Promise<string> {
  const logs = await Promise.all([logsOf(lab, 'controller', since), logsOf(lab, 'speaker', since)]);
  const lines = logs.join('').split('\n');
  return lines
    .filter((line) => line.includes(vip))
    .sort()
    .join('\n');
}
