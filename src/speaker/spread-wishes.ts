/** Which VIPs the L2Advertisements want spread, and which nodes packets can be passed on to. */
import { type Family, familyOf, type Ip } from '../addr/ip.ts';
import type { Demand, Demands } from '../announce/demands.ts';
import type { EndpointSliceView } from '../api/endpoints.ts';
import type { Neighbour } from '../dataplane/neighbour.ts';
import type { SpreadFacts, SpreadWish } from '../dataplane/spread-plan.ts';

/** What is known of the nodes now. */
export interface Hosts {
  readonly self: string;
  /** The nodes that live, or are back in a moment. */
  readonly present: ReadonlySet<string>;
  readonly isDraining: (node: string) => boolean;
  /** The name of this node's link that an address is on. */
  readonly linkFor: (vip: Ip) => string | undefined;
  readonly neighbourFor: (node: string, vip: Ip) => Neighbour | undefined;
}

/** The wish for each address. */
export function wishesOf({ vips }: Demands, hosts: Hosts): SpreadFacts['wishFor'] {
  const spread = vips.filter(({ advertisements }) =>
    advertisements.some(({ distribution }) => distribution === 'Spread'),
  );
  const byAddress = new Map(spread.map((demand) => [demand.address, demand]));
  const nodes = nodeLists(hosts);
  return (vip) => {
    const demand = byAddress.get(vip);
    const link = demand && hosts.linkFor(vip);
    if (demand === undefined || link === undefined) return undefined;
    const scope = demand.advertisements.map(({ uid }) => uid).join(' ');
    return { vip, link, scope: `${scope} ${familyOf(vip)}`, nodes: nodes(demand, link) } satisfies SpreadWish;
  };
}

/** Thousands of VIPs have the same nodes: they are looked at once for each link. */
function nodeLists({
  self,
  present,
  isDraining,
  neighbourFor,
}: Hosts): (demand: Demand, link: string) => readonly string[] {
  const known = new Map<ReadonlySet<string>, Map<string, readonly string[]>>();
  return ({ eligible, serves, address }, link) => {
    const lists = known.get(eligible) ?? new Map<string, readonly string[]>();
    known.set(eligible, lists);
    const key = `${link} ${familyOf(address)}`;
    const isReachable = (node: string) => node === self || neighbourFor(node, address) !== undefined;
    const list =
      lists.get(key) ??
      [...eligible].filter((node) => present.has(node) && !isDraining(node) && serves(node) && isReachable(node));
    lists.set(key, list);
    return list;
  };
}

/** How many endpoints of each Service are ready on each node; where none is at all, those that still serve while they end. */
export function endpointCounts(slices: readonly EndpointSliceView[]): SpreadFacts['endpoints'] {
  let byService: ReadonlyMap<string, readonly EndpointSliceView[]> | undefined;
  return (service, family) => {
    byService ??= Map.groupBy(slices, (slice) => slice.service);
    const all = (byService.get(service) ?? []).flatMap(({ endpoints }) => endpoints).filter(isOf(family));
    const ready = all.filter((endpoint) => endpoint.ready);
    const counts = new Map<string, number>();
    for (const { node } of ready.length > 0 ? ready : all) counts.set(node, (counts.get(node) ?? 0) + 1);
    return counts;
  };
}

function isOf(family: Family): (endpoint: EndpointSliceView['endpoints'][number]) => boolean {
  return ({ addresses }) => addresses.some((address) => familyOf(address) === family);
}
