/** Finds the nodes on which a Service has an endpoint that may get traffic. */
import type { EndpointSliceView } from '../api/endpoints.ts';
import { elsewhere } from './desired-vips.ts';

/**
 * The nodes with a ready endpoint, by Service. If a Service has none, the nodes with endpoints that still serve while
 * they terminate: kube-proxy sends traffic there as well (KEP-1669), but new connections there may end early.
 */
export function endpointNodes(slices: readonly EndpointSliceView[]): ReadonlyMap<string, ReadonlySet<string>> {
  const nodes = new Map<string, Record<'ready' | 'ending', Set<string>>>();
  for (const { service, endpoints } of slices) {
    const known = nodes.get(service) ?? { ready: new Set(), ending: new Set() };
    nodes.set(service, known);
    for (const { node, ready } of endpoints) known[ready ? 'ready' : 'ending'].add(node === '' ? elsewhere : node);
  }
  return new Map([...nodes].map(([service, { ready, ending }]) => [service, ready.size > 0 ? ready : ending]));
}
