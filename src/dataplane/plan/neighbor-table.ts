/** Finds the other nodes on the links of this one, and remembers what it found as long as no link changes. */
import type { Ip } from '../../addr/ip.ts';
import { inSubnet, type LinkAddress, parseLinkAddresses } from '../../addr/subnet.ts';
import type { Neighbor } from './neighbor.ts';

/** A link of this node. */
export interface OwnLink {
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
}

/** A link of another node, as that node reports it: addresses as `address/prefix`. */
interface NeighborLink {
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** The links that the neighbors depend on. */
interface NeighborLinks {
  readonly own: readonly OwnLink[];
  /** The links of another node; undefined before it reported any. */
  readonly of: (node: string) => readonly NeighborLink[] | undefined;
}

/** Thousands of VIPs are looked up for each node: each pair is looked up once. */
export class NeighborTable {
  #known = new Map<string, Neighbor | undefined>();
  #key = '';

  /** Forgets what was found where the key is another one: it stands for all links of all nodes. */
  keepFor(key: string): void {
    if (key !== this.#key) this.#known = new Map();
    this.#key = key;
  }

  /** How this node reaches another one on the link of a VIP; undefined where a router is between, or nothing is known. */
  find(node: string, vip: Ip, links: NeighborLinks): Neighbor | undefined {
    const key = `${node} ${vip}`;
    if (!this.#known.has(key)) this.#known.set(key, findNeighbor(node, vip, links));
    return this.#known.get(key);
  }
}

/** By the link on which the VIP is: a packet that is handed on must not be routed. */
function findNeighbor(node: string, vip: Ip, { own, of }: NeighborLinks): Neighbor | undefined {
  const link = linkFor(vip, own);
  if (link === undefined) return undefined;
  for (const { mac, addresses } of of(node) ?? []) {
    // A bridge of containers has the same address on each node, and leads to no other node.
    const isOwn = ({ address }: LinkAddress) => link.addresses.some((own) => own.address === address);
    const near = parseLinkAddresses(addresses).find((one) => inSubnet(vip, one) && !isOwn(one));
    if (near) return { node, address: near.address, mac, link: link.name };
  }
  return undefined;
}

/** The link in whose subnet an address is. */
export function linkFor<L extends OwnLink>(vip: Ip, links: readonly L[]): L | undefined {
  return links.find(({ addresses }) => addresses.some((own) => inSubnet(vip, own)));
}
