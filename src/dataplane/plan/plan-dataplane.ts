/** Puts together what the rules of a node follow from. */
import { familyOf, type Ip, isLinkLocal } from '../../addr/ip.ts';
import { inSubnet } from '../../addr/subnet.ts';
import type { EndpointSliceView } from '../../api/endpoints.ts';
import type { OwnLink } from './neighbor-table.ts';
import type { DataPath, LinkPath } from './spec.ts';

/** What is known of the node, the cluster and the plans for single features. */
interface DataplaneFacts extends Omit<DataPath, 'nodeAddresses' | 'links' | 'deadEndpoints'> {
  /** The links of this node that can be used. */
  readonly links: readonly OwnLink[];
  /** The internal addresses of this node, in the order of its object. */
  readonly internalAddresses: readonly Ip[];
  readonly slices: readonly EndpointSliceView[];
  /** Nodes that are dead beyond doubt. */
  readonly deadNodes: readonly string[];
  /** All addresses of nodes, as their objects and their speakers report them. */
  readonly hostAddresses: () => Iterable<Ip>;
}

/** The plan of a node's data plane. */
export function planDataplane(facts: DataplaneFacts): DataPath {
  const { links, internalAddresses, slices, deadNodes, hostAddresses, ...rest } = facts;
  const paths = links.map(({ name, addresses }) => ({
    name,
    addresses: addresses.map(({ address }) => address),
    hasVips: rest.vips.some(({ address: vip }) => addresses.some((own) => inSubnet(vip, own))),
  }));
  return {
    ...rest,
    nodeAddresses: firstOfEachFamily([...internalAddresses, ...addressesOn(paths)]),
    links: paths,
    deadEndpoints: deadNodes.length === 0 ? [] : deadEndpoints(new Set(deadNodes), slices, hostAddresses()),
  };
}

/** A node runs 110 Pods by default, and rarely more than some hundred. So many endpoints a namespace may have on one. */
const mostEndpoints = 500;

/**
 * The endpoints on dead nodes. Any user may write EndpointSlices, with any address and any node. So an address is
 * believed to be dead only if no slice places it elsewhere, and never if a node has it: other programs of the node use
 * it too (SSH, the kubelet, the API server).
 */
function deadEndpoints(
  dead: ReadonlySet<string>,
  slices: readonly EndpointSliceView[],
  hostAddresses: Iterable<Ip>,
): readonly Ip[] {
  const placed = (some: readonly EndpointSliceView[], isDead: boolean) => {
    const endpoints = some.flatMap((slice) => slice.endpoints).filter(({ node }) => dead.has(node) === isDead);
    return [...new Set(endpoints.flatMap(({ addresses }) => addresses))];
  };
  const others = new Set([...hostAddresses, ...placed(slices, false)]);
  const believed = [...Map.groupBy(slices, namespaceOf).values()].map((some) =>
    placed(some, true).filter((address) => !others.has(address)),
  );
  return [...new Set(believed.flatMap((all) => all.slice(0, dead.size * mostEndpoints)))];
}

function namespaceOf({ service }: EndpointSliceView): string {
  return service.slice(0, service.indexOf('/'));
}

/** Addresses on links, those on links with VIPs first: for a node whose object has no address of a family. */
function addressesOn(links: readonly LinkPath[]): readonly Ip[] {
  const sorted = [...links.filter(({ hasVips }) => hasVips), ...links];
  return sorted.flatMap(({ addresses }) => addresses).filter((address) => !isLinkLocal(address));
}

/** As kube-proxy takes them. */
function firstOfEachFamily(addresses: readonly Ip[]): DataPath['nodeAddresses'] {
  const [IPv4, IPv6] = (['IPv4', 'IPv6'] as const).map((family) => addresses.find((one) => familyOf(one) === family));
  return { ...(IPv4 ? { IPv4 } : {}), ...(IPv6 ? { IPv6 } : {}) };
}
