/**
 * Lets established connections outlive a move of their VIP. A node that gets a packet of an unknown connection hands it
 * on to the node that held the VIP before, which knows the connection. Otherwise the packet would be balanced to some
 * Pod, which would answer with a reset.
 *
 * The sign is that conntrack does not know the connection, not a list of moves. So no message has to arrive in time,
 * and every node has the rule before it needs it.
 */
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, mapOf, sum, type TableFragment } from '../nft/fragment.ts';
import { chainName, chainTo, linkWord, type Neighbor } from '../plan/neighbor.ts';
import { chanceOf, type Slot } from '../plan/slots.ts';
import type { Chances, Spread } from '../plan/spec.ts';
import { slotExpression, slotMap } from './spread.ts';

/**
 * A packet that is handed on gets this many remaining hops, and a packet with no more than that is not handed on. So a
 * packet is handed on only once, whatever each node believes about the other ones. Hosts start with 64 hops or more;
 * this number is enough for the way to a Pod.
 */
const handedOnHops = 12;

/**
 * The rules that hand packets on. Not a SYN, which starts a connection, nor a RST, which needs no answer (RFC 9293
 * section 3.10.7.1).
 */
export function handOn(dialect: Dialect, { chances }: Chances, spread: Spread): TableFragment {
  const slotted = slotChances(dialect, spread);
  const neighbors = new Map([...chances.map(({ to }) => to), ...slotted.neighbors].map((to) => [chainTo(to), to]));
  if (neighbors.size === 0) return {};
  const { ip, address, hops } = dialect;
  const rules: TableFragment = {
    collections: {
      chances: mapOf(
        `${address} : verdict`,
        chances.map(({ vip, to }) => [vip, `goto ${chainTo(to)}`]),
      ),
      slot_chances: mapOf(`${address} . inet_service : verdict`, slotted.ports),
    },
    chains: {
      hand_on: hookChain('filter hook prerouting priority mangle - 10', [
        `ct state { new, invalid } tcp flags & (syn | rst) == 0 ${ip} daddr @vips ${hops} > ${handedOnHops} goto unknown_flow`,
      ]),
      unknown_flow: chain(`${ip} daddr . tcp dport vmap @slot_chances`, `${ip} daddr vmap @chances`),
      ...Object.fromEntries(
        [...neighbors].map(([name, { address, link }]) => [
          name,
          chain(`${hops} set ${handedOnHops} dup to ${address} device "${link}"`, 'drop'),
        ]),
      ),
    },
  };
  return sum([rules, ...slotted.fragments]);
}

interface Slotted {
  readonly fragments: readonly TableFragment[];
  readonly ports: readonly (readonly [string, string])[];
  readonly neighbors: readonly Neighbor[];
}

/** For VIPs that are spread, the former node is chosen by slot. */
function slotChances(dialect: Dialect, { spread, self, neighborFor }: Spread): Slotted {
  const tables = new Map<string, TableFragment>();
  const neighbors: Neighbor[] = [];
  const ports = spread.flatMap(({ vip, link, ports }) =>
    ports
      .filter(({ protocol }) => protocol === 'tcp')
      .map(({ port, sticky, table }) => {
        const name = chainName('chances', table.name, linkWord(link));
        const to = (slot: Slot) => neighborFor(chanceOf(slot, self) ?? self, vip);
        if (!tables.has(name)) {
          const targets = table.slots.map(to);
          neighbors.push(...targets.filter((one) => one !== undefined));
          const elements = targets.flatMap((one, slot) => (one ? [[`${slot}`, `goto ${chainTo(one)}`] as const] : []));
          tables.set(name, {
            collections: { [name]: slotMap(elements) },
            chains: {
              [`${name}_flow`]: chain(`${slotExpression(dialect, 'flow')} vmap @${name}`),
              [`${name}_client`]: chain(`${slotExpression(dialect, 'client')} vmap @${name}`),
            },
          });
        }
        return [`${vip} . ${port}`, `goto ${name}_${sticky ? 'client' : 'flow'}`] as const;
      }),
  );
  return { fragments: [...tables.values()], ports, neighbors };
}
