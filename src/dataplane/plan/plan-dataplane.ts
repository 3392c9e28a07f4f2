/** Puts together what the rules of a node follow from. */
import { familyOf, type Ip } from '../../addr/ip.ts';
import { inSubnet } from '../../addr/subnet.ts';
import type { EndpointSliceView } from '../../api/endpoints.ts';
import type { OwnLink } from './neighbor-table.ts';
import type { DataPath } from './spec.ts';

/** What is known of the node, the cluster and the plans for single features. */
interface DataplaneFacts extends Omit<DataPath, 'nodeAddresses' | 'links' | 'deadEndpoints'> {
  /** The links of this node that can be used. */
  readonly links: readonly OwnLink[];
  /** The internal addresses of this node, in the order of its object. */
  readonly internalAddresses: readonly Ip[];
  readonly slices: readonly EndpointSliceView[];
  /** Nodes that are dead beyond doubt. */
  readonly deadNodes: readonly string[];
}

/** The plan of a node's data plane. */
export function planDataplane(facts: DataplaneFacts): DataPath {
  const { links, internalAddresses, slices, deadNodes, ...rest } = facts;
  return {
    ...rest,
    nodeAddresses: firstOfEachFamily(internalAddresses),
    links: links.map(({ name, addresses }) => ({
      name,
      addresses: addresses.map(({ address }) => address),
      hasVips: rest.vips.some(({ address: vip }) => addresses.some((own) => inSubnet(vip, own))),
    })),
    deadEndpoints: deadNodes.length === 0 ? [] : endpointsOn(new Set(deadNodes), slices),
  };
}

function endpointsOn(nodes: ReadonlySet<string>, slices: readonly EndpointSliceView[]): readonly Ip[] {
  const there = slices.flatMap(({ endpoints }) =>
    endpoints.filter(({ node }) => node !== undefined && nodes.has(node)),
  );
  return [...new Set(there.flatMap(({ addresses }) => addresses))];
}

/** As kube-proxy takes them. */
function firstOfEachFamily(addresses: readonly Ip[]): DataPath['nodeAddresses'] {
  const [IPv4, IPv6] = (['IPv4', 'IPv6'] as const).map((family) => addresses.find((one) => familyOf(one) === family));
  return { ...(IPv4 ? { IPv4 } : {}), ...(IPv6 ? { IPv6 } : {}) };
}
