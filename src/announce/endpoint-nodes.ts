/** Finds the nodes on which a Service has endpoints that may get traffic. */
import { type Family, familyOf } from '../addr/ip.ts';
import type { EndpointSliceView } from '../api/endpoints.ts';
import { elsewhere } from './desired-vips.ts';

const families: readonly Family[] = ['IPv4', 'IPv6'];

/**
 * The number of ready endpoints of one Service on each node, or {@link elsewhere}. If it has none of the family, those
 * count that still serve while they terminate: kube-proxy sends traffic there as well (KEP-1669), but new connections
 * there may end early. An endpoint that is a host name serves no VIP.
 */
export function endpointCounts(slices: readonly EndpointSliceView[], family: Family): ReadonlyMap<string, number> {
  const isOf = (address: Parameters<typeof familyOf>[0]) => familyOf(address) === family;
  const all = slices.flatMap(({ endpoints }) => endpoints).filter(({ addresses }) => addresses.some(isOf));
  const ready = all.filter((endpoint) => endpoint.ready);
  const counts = new Map<string, number>();
  for (const { node } of ready.length > 0 ? ready : all) {
    const place = node === '' ? elsewhere : node;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}

/** The nodes of {@link endpointCounts} for all Services, by `endpointKey`. */
export function endpointNodes(slices: readonly EndpointSliceView[]): ReadonlyMap<string, ReadonlySet<string>> {
  const nodes = new Map<string, ReadonlySet<string>>();
  for (const [service, own] of Map.groupBy(slices, (slice) => slice.service)) {
    for (const family of families) {
      const counts = endpointCounts(own, family);
      if (counts.size > 0) nodes.set(`${service} ${family}`, new Set(counts.keys()));
    }
  }
  return nodes;
}
