/**
 * A connection that is under way outlives a move of its VIP: who gets a packet of one that it does not know hands it to the node that held
 * the VIP before, which knows it. Without that, the Pod that it would be balanced to answers with a reset.
 *
 * That the kernel does not know a connection is the sign, not a list of moves: so nothing has to be told in time, and every node has the
 * rule before it needs it.
 */
import type { Ip } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, mapOf, sum, type TableFragment } from '../nft/fragment.ts';
import { chainName, chainTo, type Neighbor } from '../plan/neighbor.ts';
import { chanceOf, type Slot } from '../plan/slots.ts';
import { type Spread, slotExpression, slotMap } from './spread.ts';

/** Where the packets of a VIP go that belong to no connection known here. */
export interface SecondChance {
  readonly vip: Ip;
  readonly to: Neighbor;
}

/** What the rules follow from. */
export interface Chances {
  readonly chances: readonly SecondChance[];
}

/**
 * What is handed on has so many hops left, and what has no more than that is not handed on: so whatever each node believes of the others,
 * a packet is handed on once. Hosts begin with 64 or more; it is enough for the way to a Pod.
 */
const handedOnHops = 12;

/** Hands packets on. A SYN begins a connection, and a RST needs no answer (RFC 9293 section 3.10.7.1). */
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
  return sum([rules, ...slotted.parts]);
}

interface Slotted {
  readonly parts: readonly TableFragment[];
  readonly ports: readonly (readonly [string, string])[];
  readonly neighbors: readonly Neighbor[];
}

/** Where connections are spread, it is the slot that has a node from before. */
function slotChances(dialect: Dialect, { spread, self, neighborFor }: Spread): Slotted {
  const tables = new Map<string, TableFragment>();
  const neighbors: Neighbor[] = [];
  const ports = spread.flatMap(({ vip, link, ports }) =>
    ports
      .filter(({ protocol }) => protocol === 'tcp')
      .map(({ port, sticky, table }) => {
        const name = chainName('chances', table.name, link);
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
  return { parts: [...tables.values()], ports, neighbors };
}
