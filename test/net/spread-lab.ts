/**
 * Shared by the tests of distribution `Spread`: a client and two nodes on a bridge, with rules from
 * a table of slots.
 */
import type { Ip } from '../../src/addr/ip.ts';
import type { Neighbor } from '../../src/dataplane/plan/neighbor.ts';
import { type SlotTable, slotCount, slotsOf } from '../../src/dataplane/plan/slots.ts';
import type { DataPath, SpreadPort } from '../../src/dataplane/plan/spec.ts';
import { testSources } from '../../src/dataplane/rules/spoof-test.ts';
import {
  addNamespaces,
  addressLine,
  deleteNamespaces,
  haveLinkLocal,
  ip,
  ipBatch,
  linkName,
  portForwards,
  run,
} from './namespaces.ts';
import { type Endpoint, nftIn, pathOf, pointTo, startEndpoint, vipPath, vips } from './path-lab.ts';

const prefix = `berth-${process.pid}-spread-`;

/** The hosts: their names in tables, which are the same in every run, and the names of their namespaces. */
export const hosts = {
  client: {
    node: 'client',
    name: `${prefix}client`,
    mac: '02:00:00:00:00:01',
    IPv4: '10.99.0.1' as Ip,
    IPv6: 'fd99::1' as Ip,
  },
  a: { node: 'a', name: `${prefix}a`, mac: '02:00:00:00:00:aa', IPv4: '10.99.0.11' as Ip, IPv6: 'fd99::11' as Ip },
  b: { node: 'b', name: `${prefix}b`, mac: '02:00:00:00:00:bb', IPv4: '10.99.0.12' as Ip, IPv6: 'fd99::12' as Ip },
} as const;

/** One of the hosts. */
export type Host = (typeof hosts)[keyof typeof hosts];

/** Both families, and their names in nft. */
export const families = ['IPv4', 'IPv6'] as const;
export const tableIn = { IPv4: 'ip', IPv6: 'ip6' } as const;

const { client, a, b } = hosts;

/** The hosts with their programs; the nodes serve port 8080 of TCP and UDP. */
export interface SpreadLab {
  /** The namespace of the bridge; its ports are named after the hosts. */
  readonly bridge: string;
  readonly clientEnd: Endpoint;
  close(): void;
}

/** Starts the lab; leaves nothing behind on failure. */
export async function startSpreadLab(): Promise<SpreadLab> {
  const bridge = `${prefix}bridge`;
  const ends: Endpoint[] = [];
  const names = [...Object.values(hosts).map(({ name }) => name), bridge];
  const close = () => {
    for (const { process } of ends) process.close();
    deleteNamespaces(names);
  };
  addNamespaces(names);
  try {
    ipBatch(bridge, ['link add br0 type bridge mcast_snooping 0', 'link set br0 up']);
    for (const [port, host] of Object.entries(hosts)) plugIn(bridge, port, host);
    for (const port of Object.keys(hosts)) await portForwards(bridge, port);
    count(bridge);
    const [clientEnd, ...nodes] = await Promise.all(Object.values(hosts).map(({ name }) => startEndpoint(name)));
    ends.push(clientEnd as Endpoint, ...nodes);
    await haveLinkLocal(Object.values(hosts).map(({ name }) => name));
    const protocols = ['tcp', 'udp'] as const;
    await Promise.all(nodes.flatMap((node) => protocols.map((protocol) => node.serve(protocol, 8_080))));
    return { bridge, clientEnd: clientEnd as Endpoint, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

function plugIn(bridge: string, port: string, { name, mac, IPv4, IPv6 }: Host): void {
  ipBatch(name, [
    `link add ${linkName} address ${mac} type veth peer name ${port} netns ${bridge}`,
    `link set ${linkName} up`,
    ...[`${IPv4}/16`, `${IPv6}/64`].map((address) => addressLine(linkName, address)),
  ]);
  ip(`-n ${bridge} link set dev ${port} master br0 up`);
}

/**
 * Counters of the bridge and of the client, by family. The bridge counts frames for the VIP, test
 * packets, and answers to test packets. The client counts which node answers, to which of its
 * ports, and which ports are reset.
 */
function count(bridge: string): void {
  const counters = (names: readonly string[]) => names.map((name) => `counter ${name} { }`).join('\n');
  const frames = families.map((family) => {
    const [at, source] = [tableIn[family], testSources[family]];
    return `${at} daddr ${vips[family]} counter name ${at}_vip
      ${at} saddr ${source} counter name ${at}_tests
      ${at} daddr ${source} counter name ${at}_answers`;
  });
  const names = Object.values(tableIn).flatMap((at) => [`${at}_vip`, `${at}_tests`, `${at}_answers`]);
  nftIn(
    bridge,
    `table bridge seen { ${counters(names)}
      chain forward { type filter hook forward priority 0
        ${frames.join('\n')}
      }
    }`,
  );
  const tables = families.map((family) => {
    const at = tableIn[family];
    const from = (host: Host) => {
      const name = `${at}_from_${host.node}`;
      const isFrom = `ether saddr ${host.mac} ${at} saddr ${vips[family]}`;
      return `${isFrom} counter name ${name}\n${isFrom} add @${name} { th dport }`;
    };
    return `table ${at} seen { ${counters([`${at}_from_a`, `${at}_from_b`])}
      ${setsOfPorts(`${at}_from_a`, `${at}_from_b`, 'reset_ports')}
      chain in { type filter hook prerouting priority -400
        ${from(a)}
        ${from(b)}
        ${at} saddr ${vips[family]} tcp flags rst add @reset_ports { th dport }
      }
    }`;
  });
  nftIn(client.name, tables.join('\n'));
}

/** Sets to which rules add ports, each with a counter. */
function setsOfPorts(...names: readonly string[]): string {
  const spec = 'type inet_service; size 65535; flags dynamic; counter';
  return names.map((name) => `set ${name} { ${spec}; }`).join('\n');
}

/** The ports in a family's sets of a namespace, by the name of the set, each with its count. */
export function portsIn(
  namespace: string,
  family: (typeof families)[number],
): Readonly<Record<string, ReadonlyMap<number, number>>> {
  type Element = number | { readonly elem: { readonly val: number; readonly counter: { readonly packets: number } } };
  const { nftables } = JSON.parse(run(namespace, 'nft', '-j', 'list', 'sets', tableIn[family])) as {
    nftables: readonly {
      readonly set?: { readonly name: string; readonly table: string; readonly elem?: readonly Element[] };
    }[];
  };
  const ours = nftables.flatMap(({ set }) => (set && ['seen', 'proxy'].includes(set.table) ? [set] : []));
  const entryOf = (element: Element): [number, number] =>
    typeof element === 'number' ? [element, 0] : [element.elem.val, element.elem.counter.packets];
  return Object.fromEntries(ours.map(({ name, elem = [] }) => [name, new Map(elem.map(entryOf))]));
}

/**
 * Resets a node: none of our rules, and its own program serves the VIPs in place of kube-proxy.
 * Counters, by family: connections that it serves, also by the client's port; packets that were
 * handed on to it by second chance; test packets that the host has seen; and the client's ports in
 * packets for a VIP that the other node has sent here.
 */
export function resetNode({ name, ...host }: Host): void {
  const other = host.node === a.node ? b : a;
  const tables = families.map((family) => {
    const at = tableIn[family];
    const to = family === 'IPv4' ? host.IPv4 : `[${host.IPv6}]`;
    const hops = family === 'IPv4' ? 'ip ttl' : 'ip6 hoplimit';
    const serve = (protocol: string) =>
      `${at} daddr ${vips[family]} ${protocol} dport 80 counter name ${at}_${protocol} add @${protocol}_served { th sport }`;
    return `table ${at} proxy {
        counter ${at}_tcp { }
        counter ${at}_udp { }
        counter ${at}_again { }
        counter ${at}_tested { }
        ${setsOfPorts('tcp_served', 'udp_served', 'handed')}
        chain in { type nat hook prerouting priority -100
          ${serve('tcp')} dnat to ${to}:8080
          ${serve('udp')} dnat to ${to}:8080
        }
        chain seen { type filter hook prerouting priority -400
          ${at} daddr ${vips[family]} ${hops} <= 12 counter name ${at}_again
          ether saddr ${other.mac} ${at} daddr ${vips[family]} add @handed { th sport }
          ${at} saddr ${testSources[family]} counter name ${at}_tested
        }
      }`;
  });
  nftIn(name, `flush ruleset\n${tables.join('\n')}`);
}

/** The current counters of a namespace. */
export function countersOf(namespace: string): Readonly<Record<string, number>> {
  const { nftables } = JSON.parse(run(namespace, 'nft', '-j', 'list', 'counters')) as {
    nftables: readonly { readonly counter?: { readonly name: string; readonly packets: number } }[];
  };
  return Object.fromEntries(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])));
}

/** Gives the client neighbor entries that name this host as the holder of the VIPs. */
export function heldBy({ mac }: Host): void {
  pointTo(client.name, Object.values(vips), mac);
}

/** A table of slots for nodes of equal weight, of which some have left. */
export function tableFor(members: readonly Host[], leavers: readonly Host[] = []): SlotTable {
  const list = (all: readonly Host[]) => all.map(({ node }) => ({ node, weight: 1 }));
  return { name: 'test', key: 'test', slots: slotsOf(list(members), list(leavers)) };
}

/** A table that gives one slot to one node, and all other slots to the other node. */
export function tableWith(slot: number, { node }: Host): SlotTable {
  const other = node === a.node ? b.node : a.node;
  const slots = Array.from({ length: slotCount }, (_, i) => {
    return { first: i === slot ? node : other, second: undefined, former: undefined };
  });
  return { name: 'test', key: 'test', slots };
}

/** The path of a node that spreads port 80 of the VIPs, TCP and UDP, by a table. */
export function spreadPath(
  self: Host,
  table: SlotTable,
  { sticky = false, nodePort = '', ...facts }: Partial<DataPath> & Partial<SpreadPort> & { nodePort?: string } = {},
): DataPath {
  const protocols = ['tcp', 'udp'] as const;
  const neighborFor = (node: string, vip: Ip): Neighbor | undefined => {
    const host = [a, b].find((one) => one.node === node && node !== self.node);
    return host && { node, address: host[vip.includes(':') ? 'IPv6' : 'IPv4'], mac: host.mac, link: linkName };
  };
  return pathOf({
    ...{ self: self.node, neighborFor, nodeAddresses: {}, peerMacs: [a.mac, b.mac] },
    links: [{ name: linkName, addresses: [self.IPv4, self.IPv6], hasVips: true }],
    vips: families.map((family) => vipPath(vips[family], ...protocols.map((one) => `${one}/80${nodePort}`))),
    spread: families.map((family) => ({
      ...{ vip: vips[family], link: linkName },
      ports: protocols.map((protocol) => ({ protocol, port: 80, sticky, table })),
    })),
    spreadLinks: [linkName],
    ...facts,
  });
}
