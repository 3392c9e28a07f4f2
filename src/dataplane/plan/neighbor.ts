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
  return chainName('to', address, linkWord(link));
}

/** The name of a chain, a set or a map, from any words: nft allows only letters, digits and a few other characters. */
export function chainName(...words: readonly string[]): string {
  return words.join('_').replace(/[^A-Za-z0-9_]/g, '_');
}

/** A link's name for names of chains. Each link has another one: a character that such names cannot have is written as its code. */
export function linkWord(link: string): string {
  return link.replace(/[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}`);
}
