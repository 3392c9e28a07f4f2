/**
 * ICMP errors about packets of the hand-off `NodePort` (Path MTU discovery, RFC 1191, RFC 8201): the packet that they carry is the one that was sent,
 * with the VIP as its source, while the kernel knows the connection by the node port. So what they carry is rewritten too.
 */
import { type Family, type Ip, ipToNumber } from '../addr/ip.ts';
import type { Dialect } from './family.ts';
import { chain, type Part } from './part.ts';
import type { Protocol } from './spread.ts';

/** A port whose packets are rewritten, and what to. */
export interface Rewritten {
  readonly address: Ip;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number;
}

/** What the errors are rewritten to belong to. */
export interface ErrorFacts {
  readonly own: Ip;
  readonly zone: number;
}

/** Numbers of the transport protocols in the IP header. */
const numbers = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Where in the message, in bits from its beginning: of the packet that it carries (no options) protocol, source and source port; and the word that makes up for changes. */
interface Layout {
  readonly protocol: string;
  readonly source: string;
  readonly port: string;
  readonly spare: string;
}

/**
 * nft does not keep the checksum of ICMP right when the message's body changes. So the change is made up for in a word that is known to be
 * zero; a message with something in it is left alone, and the kernel drops it. IPv4: what the message's header leaves unused, zero from
 * Linux and most routers (others: RFC 4884). IPv6: the lower part of the flow label, which {@link clearSpare} has seen to.
 */
const layouts: Readonly<Record<Family, Layout>> = {
  IPv4: { protocol: '@th,136,8', source: '@th,160,32', port: '@th,224,16', spare: '@th,32,16' },
  IPv6: { protocol: '@th,112,8', source: '@th,128,128', port: '@th,384,16', spare: '@th,80,16' },
};

/** What is done to packets that are sent, so that an error about them can be rewritten: who sets no flow label says zero (RFC 6437 section 2). */
export const clearSpare: Readonly<Record<Family, readonly string[]>> = { IPv4: [], IPv6: ['ip6 flowlabel set 0'] };

const keyOf = ({ ip, family }: Dialect) => `${ip} daddr . ${layouts[family].protocol} . ${layouts[family].port}`;

/** The maps and the chain that rewrite them. */
export function handOffErrors(dialect: Dialect, ports: readonly Rewritten[], { own, zone }: ErrorFacts): Part {
  const { source, port: innerPort, spare } = layouts[dialect.family];
  const key = keyOf(dialect);
  const keyed = ports.map(
    (port) => [`${port.address} . ${hex(numbers[port.protocol])} . ${hex(port.port)}`, port] as const,
  );
  return {
    collections: {
      // The keys of the maps, see hand-off.ts.
      errors_handed: { kind: 'set', spec: `typeof ${key}`, elements: new Map(keyed.map(([at]) => [at, ''])) },
      error_ports: {
        kind: 'map',
        spec: `typeof ${key} : ${innerPort}`,
        elements: new Map(keyed.map(([at, { nodePort }]) => [at, hex(nodePort)])),
      },
      error_sums: {
        kind: 'map',
        spec: `typeof ${key} : ${spare}`,
        elements: new Map(keyed.map(([at, port]) => [at, hex(balance(port, own))])),
      },
    },
    chains: {
      hand_off_error: chain(
        `ct original zone set ${zone}`,
        `${spare} set ${key} map @error_sums`,
        `${innerPort} set ${key} map @error_ports`,
        `${source} set ${hex(ipToNumber(own))}`,
        // The outer address: of the checksum of ICMPv6 it is a part too, and nft sees to that itself.
        `${dialect.ip} daddr set ${own}`,
      ),
    },
  };
}

/** The rule that leads there. An error is sent to the source of the packet that caused it, so that need not be looked at once more. */
export function errorRule(dialect: Dialect): string {
  return `${dialect.errors} ${layouts[dialect.family].spare} 0 ${keyOf(dialect)} @errors_handed goto hand_off_error`;
}

/** What must be added to a sum of words in one's complement (RFC 1071) to make up for the new source and port. */
function balance({ address, port, nodePort }: Rewritten, own: Ip): number {
  const before = [...wordsOf(address), port];
  const after = [...wordsOf(own), nodePort];
  let sum = [...before, ...after.map((word) => word ^ 0xffff)].reduce((all, word) => all + word, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** An address in words of 16 bits; leading zeros add nothing to a sum. */
function wordsOf(ip: Ip): readonly number[] {
  const words: number[] = [];
  for (let rest = ipToNumber(ip); rest > 0n; rest >>= 16n) words.push(Number(rest & 0xffffn));
  return words;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
