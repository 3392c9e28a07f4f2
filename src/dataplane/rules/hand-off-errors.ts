/**
 * ICMP errors about packets of the hand-off `NodePort` (Path MTU discovery, RFC 1191, RFC 8201): the packet that they carry is the one that was sent,
 * with the VIP as its source, while the kernel knows the connection by the node port. So what they carry is rewritten too.
 */
import { type Family, type Ip, ipToNumber } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { chain, type TableFragment } from '../nft/fragment.ts';
import { carried, errorElement, errorKey, hex, type Protocol } from '../nft/icmp-error.ts';

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

/**
 * nft does not keep the checksum of ICMP right when the message's body changes. So the change is made up for in a word that is known to be
 * zero; a message with something in it is left alone, and the kernel drops it. IPv4: what the message's header leaves unused, zero from
 * Linux and most routers (others: RFC 4884). IPv6: the lower part of the flow label, which {@link clearSpare} has seen to.
 */
const spares: Readonly<Record<Family, string>> = { IPv4: '@th,32,16', IPv6: '@th,80,16' };

/** What is done to packets that are sent, so that an error about them can be rewritten: who sets no flow label says zero (RFC 6437 section 2). */
export const clearSpare: Readonly<Record<Family, readonly string[]>> = { IPv4: [], IPv6: ['ip6 flowlabel set 0'] };

/** The maps and the chain that rewrite them. */
export function handOffErrors(dialect: Dialect, ports: readonly Rewritten[], { own, zone }: ErrorFacts): TableFragment {
  const { source, port: innerPort } = carried[dialect.family];
  const spare = spares[dialect.family];
  const key = errorKey(dialect);
  const keyed = ports.map((one) => [errorElement(one.address, one.protocol, one.port), one] as const);
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

/** The rule that leads there. */
export function errorRule(dialect: Dialect): string {
  return `${dialect.errors} ${spares[dialect.family]} 0 ${errorKey(dialect)} @errors_handed goto hand_off_error`;
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
