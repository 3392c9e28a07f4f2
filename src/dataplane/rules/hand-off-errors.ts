/**
 * Rewrites ICMP errors about packets of the hand-off `NodePort` (Path MTU discovery, RFC 1191, RFC 8201). Such an error
 * carries the packet as it was sent, with the VIP as its source, but the kernel knows the connection by the node port.
 * So the carried packet is rewritten too.
 */
import { type Family, type Ip, ipToNumber } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { chain, type TableFragment } from '../nft/fragment.ts';
import { carried, errorElement, errorKey, hex, type Protocol } from '../nft/icmp-error.ts';

/** A port whose packets are rewritten, and the node port to which they are. */
export interface Rewritten {
  readonly address: Ip;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number;
}

/** The node address and the conntrack zone of the rewritten errors. */
interface ErrorFacts {
  readonly own: Ip;
  readonly zone: number;
}

/**
 * nft does not update the ICMP checksum when the body of a message changes. So the change is balanced in a word that is
 * known to be zero. If that word is not zero, the message is not rewritten, and the kernel drops it. IPv4: the unused
 * word of the ICMP header, zero from Linux and most routers (exceptions: RFC 4884). IPv6: the lower part of the flow
 * label, which {@link clearSpare} sets to zero.
 */
const spares: Readonly<Record<Family, string>> = { IPv4: '@th,32,16', IPv6: '@th,80,16' };

/**
 * Rules for sent packets, so that errors about them can be rewritten: a packet without a flow label has zero there (RFC
 * 6437 section 2).
 */
export const clearSpare: Readonly<Record<Family, readonly string[]>> = { IPv4: [], IPv6: ['ip6 flowlabel set 0'] };

/** The set, the maps and the chain that rewrite the errors. */
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
        // The outer address. It is part of the ICMPv6 checksum too; nft updates that itself.
        `${dialect.ip} daddr set ${own}`,
      ),
    },
  };
}

/** The rule that sends errors to that chain. */
export function errorRule(dialect: Dialect): string {
  return `${dialect.errors} ${spares[dialect.family]} 0 ${errorKey(dialect)} @errors_handed goto hand_off_error`;
}

/** The number to add to a one's complement sum of words (RFC 1071) to balance the new source and port. */
function balance({ address, port, nodePort }: Rewritten, own: Ip): number {
  const before = [...wordsOf(address), port];
  const after = [...wordsOf(own), nodePort];
  let sum = [...before, ...after.map((word) => word ^ 0xffff)].reduce((all, word) => all + word, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** An address in 16-bit words; leading zeros add nothing to a sum. */
function wordsOf(ip: Ip): readonly number[] {
  const words: number[] = [];
  for (let rest = ipToNumber(ip); rest > 0n; rest >>= 16n) words.push(Number(rest & 0xffffn));
  return words;
}
