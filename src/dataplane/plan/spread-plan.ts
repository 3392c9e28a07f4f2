/** Decides which VIPs are spread, and over which nodes. */
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import type { Membership, Wanted } from './membership.ts';
import { type Member, weightOf } from './slots.ts';
import type { SpreadVip, VipPath } from './spec.ts';

/** A VIP that an L2Advertisement with distribution `Spread` selects. */
export interface SpreadTarget {
  readonly vip: Ip;
  /** VIPs of one scope have the same possible nodes, unless their Services restrict them. */
  readonly scope: string;
  /** The name of this node's link with the VIP. */
  readonly link: string;
  /** Nodes that may serve it: they are alive and not draining. */
  readonly reachable: readonly string[];
  /** Those of them to which packets can be forwarded. */
  readonly nodes: readonly string[];
}

/** The facts on which the plan depends. */
export interface SpreadFacts {
  readonly paths: readonly VipPath[];
  /** The target for an address, if there is one. */
  readonly targetFor: (vip: Ip) => SpreadTarget | undefined;
  /** The number of ready endpoints of a Service, by node. */
  readonly endpoints: (service: string, family: Family) => ReadonlyMap<string, number>;
  /** The live and the restarting nodes. */
  readonly present: ReadonlySet<string>;
  readonly now: number;
}

/** Plans the tables of all VIPs to spread. A VIP whose table has no member is not spread: its holder serves it. */
export function planSpread(membership: Membership, facts: SpreadFacts): readonly SpreadVip[] {
  const wanted = new Map<string, Wanted>();
  const targets = facts.paths.flatMap((path) => {
    const target = facts.targetFor(path.address);
    if (target === undefined) return [];
    const ports = path.ports.map((port) => {
      return { ...port, group: [port.local ?? '', target.scope, target.link].join(' ') };
    });
    return [{ target, ports }];
  });
  for (const { target, ports } of targets) {
    for (const { group, local } of ports) {
      if (wanted.has(group)) continue;
      wanted.set(group, { group, members: membersOf(target, local, facts), shared: local !== undefined });
    }
  }
  const tables = membership.tables([...wanted.values()], facts.present, facts.now);
  return targets.flatMap(({ target: { vip, link }, ports }) => {
    const served = ports.flatMap(({ protocol, port, sticky, group }) => {
      const table = tables.get(group);
      return table === undefined || table.slots.length === 0 ? [] : [{ protocol, port, sticky, table }];
    });
    return served.length === 0 ? [] : [{ vip, link, ports: served }];
  });
}

/** With `externalTrafficPolicy: Local` a node serves with its own endpoints only, so they determine its weight. */
function membersOf({ nodes, vip }: SpreadTarget, local: string | undefined, facts: SpreadFacts): readonly Member[] {
  if (local === undefined) return nodes.map((node) => ({ node, weight: 1 }));
  const ready = facts.endpoints(local, familyOf(vip));
  return nodes.map((node) => ({ node, weight: weightOf(ready.get(node) ?? 0) })).filter(({ weight }) => weight > 0);
}
