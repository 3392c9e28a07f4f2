/** The other nodes, as this one reaches them without a router. */
import type { Ip } from '../../addr/ip.ts';

/** Another node, as this one reaches it on a link. */
export interface Neighbor {
  readonly node: string;
  /** Its address and hardware address on the link. */
  readonly address: Ip;
  readonly mac: string;
  /** The name of this node's link. */
  readonly link: string;
}

/** The chain that sends to a neighbour. Names of chains are letters, digits and few signs. */
export function chainTo({ address, link }: Neighbor): string {
  return chainName('to', address, link);
}

/** A name of a chain, a set or a map from words of any kind. */
export function chainName(...words: readonly string[]): string {
  return words.join('_').replace(/[^A-Za-z0-9_]/g, '_');
}
