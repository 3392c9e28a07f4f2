/** Which VIPs are spread, and over which nodes. */
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import type { SpreadVip } from '../rules/spread.ts';
import type { Membership, Wanted } from './membership.ts';
import { type Member, weightOf } from './slots.ts';
import type { VipPath } from './spec.ts';

/** A VIP that an L2Advertisement wants spread. */
export interface SpreadTarget {
  readonly vip: Ip;
  /** VIPs of one scope have the same nodes to choose from, as far as their Services leave them the choice. */
  readonly scope: string;
  /** The name of this node's link that the VIP is on. */
  readonly link: string;
  /** Nodes that may serve it: they live, and nobody drains them. */
  readonly reachable: readonly string[];
  /** Those of them that packets can be passed on to. */
  readonly nodes: readonly string[];
}

/** What the plan depends on. */
export interface SpreadFacts {
  readonly paths: readonly VipPath[];
  /** The wish for an address, if there is one. */
  readonly targetFor: (vip: Ip) => SpreadTarget | undefined;
  /** How many endpoints of a Service are ready on each node. */
  readonly endpoints: (service: string, family: Family) => ReadonlyMap<string, number>;
  /** The nodes that live, or are back in a moment. */
  readonly present: ReadonlySet<string>;
  readonly now: number;
}

/** Spreads what is to be spread. A table with nobody in it spreads nothing: the holder serves. */
export function planSpread(membership: Membership, facts: SpreadFacts): readonly SpreadVip[] {
  const wanted = new Map<string, Wanted>();
  const wishes = facts.paths.flatMap((path) => {
    const wish = facts.targetFor(path.address);
    if (wish === undefined) return [];
    const ports = path.ports.map((port) => {
      return { ...port, group: [port.local ?? '', wish.scope, wish.link].join(' ') };
    });
    return [{ wish, ports }];
  });
  for (const { wish, ports } of wishes) {
    for (const { group, local } of ports) {
      if (wanted.has(group)) continue;
      wanted.set(group, { group, members: membersOf(wish, local, facts), shared: local !== undefined });
    }
  }
  const tables = membership.tables([...wanted.values()], facts.present, facts.now);
  return wishes.flatMap(({ wish: { vip, link }, ports }) => {
    const served = ports.flatMap(({ protocol, port, sticky, group }) => {
      const table = tables.get(group);
      return table === undefined || table.slots.length === 0 ? [] : [{ protocol, port, sticky, table }];
    });
    return served.length === 0 ? [] : [{ vip, link, ports: served }];
  });
}

/** With `externalTrafficPolicy: Local` a node serves with its own endpoints alone, so its share is theirs. */
function membersOf({ nodes, vip }: SpreadTarget, local: string | undefined, facts: SpreadFacts): readonly Member[] {
  if (local === undefined) return nodes.map((node) => ({ node, weight: 1 }));
  const ready = facts.endpoints(local, familyOf(vip));
  return nodes.map((node) => ({ node, weight: weightOf(ready.get(node) ?? 0) })).filter(({ weight }) => weight > 0);
}
