/**
 * Checks whether a node could announce the addresses that Services keep. MetalLB answers on every link and for
 * every address; Berth does not.
 */
import { familyOf, type Ip, ipToNumber, parseIp } from '../../addr/ip.ts';
import { holds } from '../../addr/range-set.ts';
import { parseLinkAddresses } from '../../addr/subnet.ts';
import { isEdge, type LinkView, linksFor } from '../../announce/links.ts';
import { obeysExclusion } from '../../announce/node-eligibility.ts';
import { type AdvertisementView, coversPool } from '../../api/advertisement.ts';
import { selects } from '../../api/meta.ts';
import type { NodeView } from '../../api/node.ts';
import type { PoolView } from '../../api/pool.ts';
import type { Preview } from './preview.ts';

/** An obstacle to a take-over; `todo` says how to remove it. */
export interface Obstacle {
  readonly what: string;
  readonly todo: string;
}

/** The pools, advertisements, nodes and links that decide which addresses can be announced. */
export interface Topology {
  /** All pools, as they are after the take-over. */
  readonly pools: readonly PoolView[];
  readonly advertisements: readonly AdvertisementView[];
  readonly nodes: readonly NodeView[];
  /** The links of the nodes whose speakers answer, by node. */
  readonly links: ReadonlyMap<string, readonly LinkView[]>;
}

/** Makes a usable link from the status of a speaker. */
export function linkOf({
  name,
  mac,
  addresses,
}: {
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}): LinkView {
  const known = parseLinkAddresses(addresses);
  return { name, mac, addresses: known, up: true, carrier: true, noArp: false, master: undefined };
}

/**
 * Finds the addresses that no node would announce after the take-over. Those that no L2Advertisement covers
 * are not announced before either.
 */
export function silencedBy(previews: readonly Preview[], topology: Topology): readonly Obstacle[] {
  return previews
    .filter(({ fate }) => fate === 'Keeps')
    .flatMap(({ service, addresses }) =>
      addresses.flatMap((text): readonly Obstacle[] => {
        const vip = parseIp(text);
        const why = vip && whySilent(vip, topology);
        return why === undefined
          ? []
          : [{ ...why, what: `Service ${service} would keep ${text}, but no node would announce it: ${why.what}` }];
      }),
    );
}

function whySilent(vip: Ip, { pools, advertisements, nodes, links }: Topology): Obstacle | undefined {
  const pool = pools.find(({ ranges }) => holds(ranges, familyOf(vip), ipToNumber(vip)));
  const covering = advertisements.filter((one) => pool !== undefined && coversPool(one, pool.name));
  if (covering.length === 0) return undefined;
  const labels = new Map(nodes.map((node) => [node.name, node.labels]));
  const onNode = (node: string) =>
    covering.filter(
      ({ nodeSelectors }) =>
        nodeSelectors.length === 0 || nodeSelectors.some((one) => selects(one, labels.get(node) ?? {})),
    );
  // MetalLB can be told to ignore the label that excludes nodes; Berth obeys it as long as another node could serve.
  const isObeyed = obeysExclusion(nodes, (name) => links.has(name));
  const excluded = new Set(nodes.filter((node) => node.excluded && isObeyed).map(({ name }) => name));
  const all = [...links].filter(([node]) => !excluded.has(node));
  if (all.some(([node, own]) => onNode(node).length > 0 && linksFor(vip, onNode(node), own).length > 0))
    return undefined;
  if (all.some(([, own]) => own.some((link) => isEdge(vip, link)))) {
    const todo =
      'it is the first or last address of a subnet, and hosts send no ARP request for it: give the Service another one first';
    return { what: 'NetworkAddress', todo };
  }
  return {
    what: 'NoUsableLink, no selected node has a link in its subnet',
    todo: 'if a router sends its packets to the nodes, name the link in interfaces of the L2Advertisement; otherwise give the Service another address first',
  };
}
