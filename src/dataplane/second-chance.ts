/**
 * A connection that is under way outlives a move of its VIP: who gets a packet of one that it does not know hands it to the node that held
 * the VIP before, which knows it. Without that, the Pod that it would be balanced to answers with a reset.
 *
 * That the kernel does not know a connection is the sign, not a list of moves: so nothing has to be told in time, and every node has the
 * rule before it needs it.
 */
import type { Ip } from '../addr/ip.ts';
import type { Dialect } from './family.ts';
import { chainName, chainTo, type Neighbour } from './neighbour.ts';
import { chain, hookChain, mapOf, type Part, setOf, sum } from './part.ts';
import { chanceOf, type Slot } from './slots.ts';
import { type Spread, slotExpression, slotMap } from './spread.ts';

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
  /** Where the hand-off `NodePort` has rewritten packets to, and the zone that it does so in; undefined: nothing is rewritten. */
  readonly handed?: { readonly own: Ip; readonly zone: number } | undefined;
  /** The VIPs that other nodes hold, each with its holder's hardware address. */
  readonly holders: readonly { readonly vip: Ip; readonly mac: string }[];
}

/**
 * Hands packets on, once: what another node sent here is handed on only where that node holds the VIP, and has it from the client itself. A
 * SYN begins a connection, and a RST needs no answer (RFC 9293 section 3.10.7.1).
 */
export function handOn(dialect: Dialect, { chances, peerMacs, holders, handed }: Chances, spread: Spread): Part {
  const slotted = slotChances(dialect, spread);
  const neighbours = new Map([...chances.map(({ to }) => to), ...slotted.neighbours].map((to) => [chainTo(to), to]));
  if (neighbours.size === 0) return {};
  const { ip, address } = dialect;
  const rules: Part = {
    collections: {
      peer_macs: setOf('ether_addr', new Set(peerMacs)),
      holder_macs: setOf(
        `${address} . ether_addr`,
        holders.map(({ vip, mac }) => `${vip} . ${mac}`),
      ),
      chances: mapOf(
        `${address} : verdict`,
        chances.map(({ vip, to }) => [vip, `goto ${chainTo(to)}`]),
      ),
      slot_chances: mapOf(`${address} . inet_service : verdict`, slotted.ports),
    },
    chains: {
      hand_on: hookChain('filter hook prerouting priority mangle - 10', [
        `ct state { new, invalid } tcp flags & (syn | rst) == 0 ${ip} daddr @vips goto unknown_flow`,
        ...(handed
          ? [
              `ct original zone ${handed.zone} ct state new tcp flags & (syn | rst) == 0 ${ip} daddr ${handed.own} goto unknown_handed`,
            ]
          : []),
      ]),
      unknown_flow: chain(
        `ether saddr @peer_macs ${ip} daddr . ether saddr != @holder_macs return`,
        `${ip} daddr . tcp dport vmap @slot_chances`,
        `${ip} daddr vmap @chances`,
      ),
      ...(handed ? { unknown_handed: chain(...asItCame(dialect, handed.own)) } : {}),
      ...Object.fromEntries(
        [...neighbours].map(([name, { address, link }]) => [name, chain(`dup to ${address} device "${link}"`, 'drop')]),
      ),
    },
  };
  return sum([rules, ...slotted.parts]);
}

/** What was rewritten to a node port is made what it was before it is handed on, and rewritten again where nobody gets it. */
function asItCame({ ip }: Dialect, own: Ip): readonly string[] {
  return [
    `${ip} daddr set tcp dport map @tcp_vip`,
    'tcp dport set tcp dport map @tcp_port',
    'jump unknown_flow',
    `tcp dport set ${ip} daddr . tcp dport map @tcp_to`,
    `${ip} daddr set ${own}`,
  ];
}

interface Slotted {
  readonly parts: readonly Part[];
  readonly ports: readonly (readonly [string, string])[];
  readonly neighbours: readonly Neighbour[];
}

/** Where connections are spread, it is the slot that has a node from before. */
function slotChances(dialect: Dialect, { spread, self, neighbourFor }: Spread): Slotted {
  const tables = new Map<string, Part>();
  const neighbours: Neighbour[] = [];
  const ports = spread.flatMap(({ vip, link, ports }) =>
    ports
      .filter(({ protocol }) => protocol === 'tcp')
      .map(({ port, sticky, table }) => {
        const name = chainName('chances', table.name, link);
        const to = (slot: Slot) => neighbourFor(chanceOf(slot, self) ?? self, vip);
        if (!tables.has(name)) {
          const targets = table.slots.map(to);
          neighbours.push(...targets.filter((one) => one !== undefined));
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
  return { parts: [...tables.values()], ports, neighbours };
}
