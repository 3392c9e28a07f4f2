/** What `status` tells, from what is known. */
import { poolReports } from '../../ipam/pool-report.ts';
import type { Evaluation } from '../cluster/evaluation.ts';
import { serviceStates } from '../cluster/service-state.ts';
import { faultsOf } from '../cluster/speakers.ts';
import type { VipState } from '../cluster/vip-state.ts';
import { unheardSpeakers, unheardText } from '../explain/unheard-speakers.ts';

/** So many, and why. */
export interface Counted {
  readonly reason: string;
  readonly count: number;
}

/** The cluster at a glance. */
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
  /** What a person should look at. */
  readonly warnings: readonly string[];
  /** What could not be found out. */
  readonly notes: readonly string[];
}

/** Gathers it. */
export function statusFacts(picture: Evaluation): StatusFacts {
  const { cluster, settled, answers } = picture;
  const { installation } = cluster;
  const { controllers, replicas, leader, namespace, version } = installation;
  const services = serviceStates(picture).filter(({ ours }) => ours);
  const vips = picture.vips.filter(({ reservedUntil }) => reservedUntil === undefined);
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
      reserved: picture.vips.length - vips.length,
    },
    warnings: warningsOf(picture, vips),
    notes: faultsOf(answers),
  };
}

/** Each reason with how often it is there, the most frequent first. */
export function countedBy(all: readonly { readonly reason: string }[]): readonly Counted[] {
  const counts = new Map<string, number>();
  for (const { reason } of all) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

function warningsOf(picture: Evaluation, vips: readonly VipState[]): readonly string[] {
  const { cluster, answers, settled } = picture;
  const { installation } = cluster;
  const { controllers, speakers, namespace } = installation;
  const warnings: string[] = [];
  if (installation.version === undefined) warnings.push(`no Berth is found in namespace ${namespace}`);
  else if (!controllers.some(({ ready }) => ready)) warnings.push('no controller is ready: nothing is allocated');
  const covered = new Set(speakers.map(({ node }) => node));
  const without = cluster.nodes.map(({ name }) => name).filter((name) => !covered.has(name));
  if (without.length > 0 && speakers.length > 0) warnings.push(`no speaker on ${without.join(', ')}`);
  for (const { node, ready } of speakers) if (!ready) warnings.push(`the speaker on ${node} is not ready`);
  for (const node of picture.dead) warnings.push(`the other speakers do not hear ${node}: others take its addresses`);
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
  for (const deafness of unheardSpeakers(answers)) warnings.push(unheardText(deafness, livenessPort));
  for (const { node, status } of answers) {
    const layer = status?.dataPath.nftables ?? 'Loaded';
    if (layer !== 'Loaded' && layer !== 'Off') warnings.push(`the rules of ${node} are not in its kernel: ${layer}`);
  }
  return warnings;
}
