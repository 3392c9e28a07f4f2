/** The VIPs that L2Advertisements want to be spread, and the nodes that packets can be passed on to. */
import type { Ip } from '../../addr/ip.ts';
import type { DesiredVip, DesiredVips } from '../../announce/desired-vips.ts';
import type { Neighbor } from '../../dataplane/plan/neighbor.ts';
import type { SpreadFacts, SpreadTarget } from '../../dataplane/plan/spread-plan.ts';

/** The link and the subnet of an address. */
export interface LinkOf {
  /** The link's name. */
  readonly name: string;
  /** The same text for addresses of the same subnet: a link may have several subnets, and not every node has all of them. */
  readonly subnet: string;
}

/** The state of the nodes. */
export interface Hosts {
  readonly self: string;
  /** The nodes that are alive or restarting. */
  readonly present: ReadonlySet<string>;
  readonly isDraining: (node: string) => boolean;
  /** The link of this node that an address is on. */
  readonly linkFor: (vip: Ip) => LinkOf | undefined;
  readonly neighborFor: (node: string, vip: Ip) => Neighbor | undefined;
  /** Nodes whose packets with another host's source address do not arrive at a node, as that node reports. */
  readonly blockedAt: (node: string) => readonly string[];
}

/** The VIPs to spread, and the nodes that share them. */
interface SpreadTargets {
  readonly targetFor: SpreadFacts['targetFor'];
  /** The other nodes that share VIPs with this one, by the name of the link, whether packets can be passed on to them or not. */
  readonly neighbors: ReadonlyMap<string, readonly Neighbor[]>;
}

/** Finds the VIPs that an L2Advertisement wants to be spread. */
export function spreadTargetsOf({ vips }: DesiredVips, hosts: Hosts): SpreadTargets {
  const isSpread = ({ advertisements }: DesiredVip) =>
    advertisements.some(({ distribution }) => distribution === 'Spread');
  const spread = new Map(vips.filter(isSpread).map((desiredVip) => [desiredVip.address, desiredVip]));
  const lists = new NodeLists(hosts);
  const neighbors = new Map<string, Map<string, Neighbor>>();
  for (const desiredVip of spread.values()) {
    const link = hosts.linkFor(desiredVip.address);
    if (link === undefined) continue;
    const known = neighbors.get(link.name) ?? new Map<string, Neighbor>();
    neighbors.set(link.name, known);
    for (const node of lists.of(desiredVip, link).reachable) {
      const to = known.has(node) ? undefined : hosts.neighborFor(node, desiredVip.address);
      if (to) known.set(node, to);
    }
  }
  return {
    neighbors: new Map([...neighbors].map(([link, all]) => [link, [...all.values()]])),
    targetFor: (vip) => {
      const desiredVip = spread.get(vip);
      const link = desiredVip && hosts.linkFor(vip);
      if (desiredVip === undefined || link === undefined) return undefined;
      const scope = `${desiredVip.advertisements.map(({ uid }) => uid).join(' ')} ${link.subnet}`;
      const { reachable, open } = lists.of(desiredVip, link);
      return { vip, link: link.name, scope, reachable, nodes: open } satisfies SpreadTarget;
    },
  };
}

interface NodeList {
  /** Eligible nodes that are present, are not drained, have a link for the VIP, and are reached without a router. */
  readonly reachable: readonly string[];
  /** Those of them that packets can be passed on to, and whose answers reach clients. */
  readonly open: readonly string[];
}

/** Thousands of VIPs have the same nodes: the list is computed once for each subnet. */
class NodeLists {
  readonly #hosts: Hosts;
  readonly #known = new Map<ReadonlySet<string>, Map<string, NodeList>>();

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  of({ eligible, serves, address }: DesiredVip, { name, subnet }: LinkOf): NodeList {
    const lists = this.#known.get(eligible) ?? new Map<string, NodeList>();
    this.#known.set(eligible, lists);
    const key = `${name} ${subnet}`;
    const before = lists.get(key);
    if (before) return before;
    const { self, present, isDraining, neighborFor, blockedAt } = this.#hosts;
    const isNear = (node: string) => node === self || neighborFor(node, address) !== undefined;
    const able = [...eligible].filter((node) => present.has(node) && !isDraining(node) && serves(node));
    const reachable = able.filter(isNear);
    // If packets of a node do not arrive at one other node, its network may drop all packets with another host's source address: its answers would not reach
    // clients either.
    const spoofers = new Set([...present].flatMap((node) => blockedAt(node)));
    const open = reachable.filter((node) => !spoofers.has(node) && !blockedAt(node).includes(self));
    const list = { reachable, open };
    lists.set(key, list);
    return list;
  }
}
