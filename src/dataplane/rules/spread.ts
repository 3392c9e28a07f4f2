/**
 * Distribution `Spread`: the node that holds a VIP forwards each packet, at the link's ingress, to the node of its
 * flow's slot. That node hands the packet to kube-proxy as if it held the VIP, and answers the client directly.
 *
 * The rules come before conntrack, so the holder keeps no state of connections, and another node can become the holder
 * without the loss of a connection. All nodes have the tables, not only the holder: a node that gets a frame because a
 * client has not learned of a move yet forwards it too.
 */
import { familyOf, type Ip } from '../../addr/ip.ts';
import { type Dialect, dialects } from '../nft/family.ts';
import { chain, gate, mapOf, setOf, sum, type TableFragment } from '../nft/fragment.ts';
import { carried, errorElement, errorKey } from '../nft/icmp-error.ts';
import type { Chain, Collection } from '../nft/ruleset.ts';
import { chainName, chainTo, linkWord, type Neighbor } from '../plan/neighbor.ts';
import { type SlotTable, slotCount } from '../plan/slots.ts';
import type { Spread, SpreadPort, SpreadVip } from '../plan/spec.ts';
import { noteTests, testRules } from './spoof-test.ts';

/** All nodes must use the same hash. */
const modulus = `mod ${slotCount} seed 0x1efc`;

/** The input of a packet's slot: its whole flow, or the client only. */
type SlotKey = 'flow' | 'client';

/** The expression that gives the slot of a packet. */
export function slotExpression({ ip }: Dialect, key: SlotKey): string {
  return key === 'flow' ? `jhash ${ip} saddr . th sport ${modulus}` : `jhash ${ip} saddr ${modulus}`;
}

/** A map from slots to verdicts. */
export function slotMap(elements: Iterable<readonly [string, string]>): Collection {
  // A number from numgen has the same type. nft 1.0.6 also loads a map of jhash's type, but crashes when it lists the
  // map.
  return { kind: 'map', spec: `typeof numgen inc mod ${slotCount} : verdict`, elements: new Map(elements) };
}

/** Fragments after the first one carry no ports, so no rule looks up their ports (RFC 791; RFC 8200 section 4.5). */
const isFragment = { IPv4: 'ip frag-off & 0x3fff != 0', IPv6: 'exthdr frag exists' } as const;

/** The rules at the ingress of all links with such VIPs. */
export function spreadOut(facts: Spread): TableFragment {
  const links = facts.spreadLinks;
  if (links.length === 0) return {};
  const fragments = Object.values(dialects).map((dialect) => ofFamily(dialect, facts));
  const entries = [...links].map((link): [string, Chain] => [
    chainName('entry', linkWord(link)),
    {
      hook: `type filter hook ingress device "${link}" priority 0`,
      rules: [
        ...Object.values(dialects).map(({ ip }) => `${ip} daddr @spread_${ip} goto steer_${ip}`),
        // If Spread has ended, the tests have too.
        gate,
        ...testRules,
      ],
    },
  ]);
  const peers = { collections: { peer_macs: setOf('ether_addr', new Set(facts.peerMacs)) } };
  return sum([peers, noteTests(), ...fragments, { chains: Object.fromEntries(entries) }]);
}

function ofFamily(dialect: Dialect, facts: Spread): TableFragment {
  const { ip, address, family, errors } = dialect;
  const spread = facts.spread.filter(({ vip }) => familyOf(vip) === family);
  const ports = spread.flatMap((one) => one.ports.map((port) => ({ ...one, ...port })));
  return sum([
    {
      collections: {
        [`spread_${ip}`]: setOf(
          address,
          spread.map(({ vip }) => vip),
        ),
        [`ports_${ip}`]: mapOf(
          `${address} . inet_proto . inet_service : verdict`,
          ports.map((one) => [`${one.vip} . ${one.protocol} . ${one.port}`, `goto ${chainOf(dialect, one)}`]),
        ),
        // The port of a fragment is unknown: if different nodes serve the ports of a VIP, the holder serves its
        // fragments.
        [`fragments_${ip}`]: mapOf(
          `${address} : verdict`,
          spread.flatMap(({ vip, link, ports: [first, ...rest] }) =>
            first !== undefined && rest.every(({ table }) => table === first.table)
              ? [[vip, `goto ${chainOf(dialect, { ...first, link, sticky: true })}`] as const]
              : [],
          ),
        ),
        [`errors_${ip}`]: {
          kind: 'map',
          spec: `typeof ${errorKey(dialect)} : verdict`,
          elements: new Map(
            ports.map((one) => [
              errorElement(one.vip, one.protocol, one.port),
              `goto ${chainOf(dialect, one, 'error')}`,
            ]),
          ),
        },
      },
      chains: {
        [`steer_${ip}`]: chain(
          gate,
          // A packet that another node has forwarded is served here, whatever this node's own table says: otherwise it
          // could circle.
          'ether saddr @peer_macs accept',
          `${isFragment[family]} ${ip} daddr vmap @fragments_${ip}`,
          `${isFragment[family]} accept`,
          `${ip} daddr . meta l4proto . th dport vmap @ports_${ip}`,
          `${errors} ${errorKey(dialect)} vmap @errors_${ip}`,
        ),
      },
    },
    ...tablesOf(dialect, facts, spread),
  ]);
}

/** The chains and the map of each table, on each link that needs it, and the chains that forward to the other nodes. */
function tablesOf(dialect: Dialect, facts: Spread, spread: readonly SpreadVip[]): readonly TableFragment[] {
  const { ip, family } = dialect;
  const { client, clientPort } = carried[family];
  const needed = new Map<string, { readonly table: SlotTable; readonly link: string; readonly vip: Ip }>();
  for (const { vip, link, ports } of spread) {
    for (const { table } of ports) needed.set(slotsName(dialect, table, link), { table, link, vip });
  }
  const neighbors = new Map<string, Neighbor>();
  const tables = [...needed].map(([name, { table, link, vip }]): TableFragment => {
    const verdicts = new Map<string, string>([[facts.self, 'accept']]);
    for (const node of new Set(table.slots.map(({ first }) => first))) {
      const to = facts.neighborFor(node, vip);
      if (to === undefined || node === facts.self) continue;
      neighbors.set(chainTo(to), to);
      verdicts.set(node, `goto ${chainTo(to)}`);
    }
    const elements = table.slots.map(({ first }, slot) => [`${slot}`, verdicts.get(first) ?? 'accept'] as const);
    const names = { table, link };
    return {
      collections: { [name]: slotMap(elements) },
      chains: {
        [chainOf(dialect, { ...names, sticky: false })]: chain(`${slotExpression(dialect, 'flow')} vmap @${name}`),
        [chainOf(dialect, { ...names, sticky: true })]: chain(`${slotExpression(dialect, 'client')} vmap @${name}`),
        [chainOf(dialect, { ...names, sticky: false }, 'error')]: chain(
          `jhash ${client} . ${clientPort} ${modulus} vmap @${name}`,
        ),
        [chainOf(dialect, { ...names, sticky: true }, 'error')]: chain(`jhash ${client} ${modulus} vmap @${name}`),
      },
    };
  });
  const sending = [...neighbors].map(([name, { address, link }]): TableFragment => {
    return { chains: { [name]: chain(`fwd ${ip} to ${address} device "${link}"`) } };
  });
  return [...tables, ...sending];
}

function slotsName({ ip }: Dialect, { name }: SlotTable, link: string): string {
  return chainName('slots', name, linkWord(link), ip);
}

function chainOf(
  { ip }: Dialect,
  { table, link, sticky }: Pick<SpreadPort, 'table' | 'sticky'> & { readonly link: string },
  kind: 'packet' | 'error' = 'packet',
): string {
  return chainName(kind, sticky ? 'client' : 'flow', table.name, linkWord(link), ip);
}
