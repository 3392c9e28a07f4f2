/**
 * A connection that is under way outlives a move of its VIP: who gets a packet of one that it does not know hands it to the node that held
 * the VIP before, which knows it. Without that, the Pod that it would be balanced to answers with a reset.
 *
 * That the kernel does not know a connection is the sign, not a list of moves: so nothing has to be told in time, and every node has the
 * rule before it needs it.
 */
import type { Ip } from '../addr/ip.ts';
import type { Dialect } from './family.ts';
import { chain, hookChain, type Part, setOf } from './part.ts';

/** Another node, as this one reaches it on a link. */
export interface Neighbour {
  readonly node: string;
  /** Its address and hardware address on the link. */
  readonly address: Ip;
  readonly mac: string;
  /** The name of this node's link. */
  readonly link: string;
}

/** Where the packets of a VIP go that belong to no connection known here. */
export interface SecondChance {
  readonly vip: Ip;
  readonly to: Neighbour;
}

/** What the rules follow from. */
export interface Chances {
  readonly chances: readonly SecondChance[];
  /** Hardware addresses of all other nodes' links. */
  readonly peerMacs: readonly string[];
  /** The VIPs that other nodes hold, each with its holder's hardware address. */
  readonly holders: readonly { readonly vip: Ip; readonly mac: string }[];
}

/**
 * Hands packets on, once: what another node sent here is handed on only where that node holds the VIP, and has it from the client itself. A
 * SYN begins a connection, and a RST needs no answer (RFC 9293 section 3.10.7.1).
 */
export function handOn({ ip, address }: Dialect, { chances, peerMacs, holders }: Chances): Part {
  if (chances.length === 0) return {};
  const neighbours = new Map(chances.map(({ to }) => [chainTo(to), to]));
  return {
    collections: {
      peer_macs: setOf('ether_addr', new Set(peerMacs)),
      holder_macs: setOf(
        `${address} . ether_addr`,
        holders.map(({ vip, mac }) => `${vip} . ${mac}`),
      ),
      chances: {
        kind: 'map',
        spec: `type ${address} : verdict`,
        elements: new Map(chances.map(({ vip, to }) => [vip, `goto ${chainTo(to)}`])),
      },
    },
    chains: {
      hand_on: hookChain('filter hook prerouting priority mangle - 10', [
        `ct state { new, invalid } tcp flags & (syn | rst) == 0 ${ip} daddr @vips goto unknown_flow`,
      ]),
      unknown_flow: chain(
        `ether saddr @peer_macs ${ip} daddr . ether saddr != @holder_macs accept`,
        `${ip} daddr vmap @chances`,
      ),
      ...Object.fromEntries(
        [...neighbours].map(([name, { address, link, mac }]) => [
          name,
          // Never back to where it came from: two nodes that each take the other for the holder would pass it for ever.
          chain(`ether saddr ${mac} accept`, `dup to ${address} device "${link}"`, 'drop'),
        ]),
      ),
    },
  };
}

/** Names of chains are letters, digits and few signs; the address tells the neighbour as well as its name. */
function chainTo({ address, link }: Neighbour): string {
  return `to_${address}_${link}`.replace(/[^A-Za-z0-9_]/g, '_');
}
