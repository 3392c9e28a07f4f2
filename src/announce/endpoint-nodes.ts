/** Finds the nodes on which a Service has an endpoint that may get traffic. */
import type { EndpointSliceView } from '../api/endpoints.ts';
import { elsewhere, endpointKey } from './desired-vips.ts';

/**
 * The nodes with a ready endpoint, by {@link endpointKey}. If a Service has none of a family, the nodes with endpoints
 * that still serve while they terminate: kube-proxy sends traffic there as well (KEP-1669), but new connections there
 * may end early. An endpoint that is a host name serves no VIP.
 */
export function endpointNodes(slices: readonly EndpointSliceView[]): ReadonlyMap<string, ReadonlySet<string>> {
  const nodes = new Map<string, Record<'ready' | 'ending', Set<string>>>();
  for (const { service, endpoints } of slices) {
    for (const { addresses, node, ready } of endpoints) {
      for (const address of addresses) {
        const key = endpointKey(service, address);
        const known = nodes.get(key) ?? { ready: new Set(), ending: new Set() };
        nodes.set(key, known);
        known[ready ? 'ready' : 'ending'].add(node === '' ? elsewhere : node);
      }
    }
  }
  return new Map([...nodes].map(([key, { ready, ending }]) => [key, ready.size > 0 ? ready : ending]));
}
