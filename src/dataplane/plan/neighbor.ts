/** The other nodes that this node reaches without a router. */
import type { Ip } from '../../addr/ip.ts';

/** Another node that this node reaches on a link. */
export interface Neighbor {
  readonly node: string;
  /** Its address and hardware address on the link. */
  readonly address: Ip;
  readonly mac: string;
  /** The name of this node's link. */
  readonly link: string;
}

/** The name of the chain that sends to a neighbor. */
export function chainTo({ address, link }: Neighbor): string {
  return chainName('to', address, link);
}

/** The name of a chain, a set or a map, from any words: nft allows only letters, digits and a few other characters. */
export function chainName(...words: readonly string[]): string {
  return words.join('_').replace(/[^A-Za-z0-9_]/g, '_');
}
