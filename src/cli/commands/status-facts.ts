/** The facts of `status`. */

import { listed } from '../../api/text.ts';
import { poolReports } from '../../ipam/pool-report.ts';
import type { Evaluation } from '../cluster/evaluation.ts';
import { nodesMissingSpeakers } from '../cluster/missing-speakers.ts';
import { serviceStates } from '../cluster/service-state.ts';
import { faultsOf } from '../cluster/speakers.ts';
import type { VipState } from '../cluster/vip-state.ts';
import { unheardSpeakers, unheardText } from '../explain/unheard-speakers.ts';

/** A number of objects with the same reason. */
export interface Counted {
  readonly reason: string;
  readonly count: number;
}

/** An overview of the cluster. */
export interface StatusFacts {
  readonly version: string | undefined;
  readonly namespace: string;
  readonly controller: { readonly ready: number; readonly wanted: number; readonly leader: string | undefined };
  readonly speakers: readonly { readonly node: string; readonly ready: boolean; readonly vips: number }[];
  readonly pools: readonly {
    readonly name: string;
    readonly state: string;
    readonly used: string;
    readonly free: string;
  }[];
  readonly services: {
    readonly withAddress: number;
    readonly withoutAddress: readonly Counted[];
    readonly others: number;
  };
  readonly vips: {
    readonly announced: number;
    readonly verified: number;
    readonly silent: readonly Counted[];
    readonly reserved: number;
  };
  /** What an administrator should check. */
  readonly warnings: readonly string[];
  /** What could not be read. */
  readonly notes: readonly string[];
}

/** Collects the overview. */
export function statusFacts(evaluation: Evaluation): StatusFacts {
  const { cluster, settled, answers } = evaluation;
  const { installation } = cluster;
  const { controllers, replicas, leader, namespace, version } = installation;
  const services = serviceStates(evaluation).filter(({ ours }) => ours);
  const vips = evaluation.vips.filter(({ reservedUntil }) => reservedUntil === undefined);
  const announced = vips.filter((vip) => vip.announced);
  const held = (node: string) => announced.filter(({ holder }) => holder === node).length;
  return {
    version,
    namespace,
    controller: { ready: controllers.filter(({ ready }) => ready).length, wanted: replicas, leader },
    speakers: [...installation.speakers]
      .sort((a, b) => (a.node < b.node ? -1 : 1))
      .map(({ node, ready }) => ({ node, ready, vips: held(node) })),
    pools: poolReports(settled.table, settled.ledger).map(({ pool, counts }) => ({
      name: pool.name,
      state: pool.state,
      used: counts.used,
      free: counts.free,
    })),
    services: {
      withAddress: services.filter(({ addresses }) => addresses.length > 0).length,
      withoutAddress: countedBy(services.filter(({ addresses }) => addresses.length === 0)),
      others: cluster.services.filter(({ isLoadBalancer }) => isLoadBalancer).length - services.length,
    },
    vips: {
      announced: announced.length,
      verified: announced.filter(({ verified }) => verified === 'True').length,
      silent: countedBy(vips.filter((vip) => !vip.announced)),
      reserved: evaluation.vips.length - vips.length,
    },
    warnings: warningsOf(evaluation, vips),
    notes: faultsOf(answers),
  };
}

/** Counts the reasons, the most frequent first. */
function countedBy(all: readonly { readonly reason: string }[]): readonly Counted[] {
  const counts = new Map<string, number>();
  for (const { reason } of all) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

function warningsOf(evaluation: Evaluation, vips: readonly VipState[]): readonly string[] {
  const { cluster, answers, settled } = evaluation;
  const { installation } = cluster;
  const { controllers, speakers, namespace } = installation;
  const warnings: string[] = [];
  if (installation.version === undefined) warnings.push(`Berth was not found in namespace ${namespace}`);
  else if (!controllers.some(({ ready }) => ready)) warnings.push('no controller is ready: no address is allocated');
  const without = nodesMissingSpeakers(cluster);
  if (without.length > 0 && speakers.length > 0) warnings.push(`no speaker runs on ${listed(without)}`);
  for (const { node, ready } of speakers) if (!ready) warnings.push(`the speaker on ${node} is not ready`);
  for (const node of evaluation.dead)
    warnings.push(`the other speakers get no heartbeats from ${node}: other nodes hold its addresses`);
  for (const { name, draining } of cluster.nodes) if (draining) warnings.push(`node ${name} is draining`);
  if (cluster.pools.length === 0) warnings.push('there is no IPAddressPool: no Service gets an address');
  for (const { pool, findings } of poolReports(settled.table, settled.ledger)) {
    for (const { type, status, message } of findings) {
      if ((type === 'Ready') !== (status === 'True')) warnings.push(`pool ${pool.name}: ${message}`);
    }
  }
  for (const { address, conflict } of vips) if (conflict) warnings.push(`${address}: ${conflict.message}`);
  for (const { address, announced, verified, verifiedReason } of vips) {
    if (announced && verified === 'False') warnings.push(`${address} is announced, but ${verifiedReason}`);
  }
  const { livenessPort } = installation.settings;
  for (const unheard of unheardSpeakers(answers)) warnings.push(unheardText(unheard, livenessPort));
  for (const { node, status } of answers) {
    const rules = status?.dataPath.nftables ?? 'Loaded';
    if (rules !== 'Loaded' && rules !== 'Off')
      warnings.push(`the nftables rules of ${node} are not in its kernel: ${rules}`);
  }
  return warnings;
}
