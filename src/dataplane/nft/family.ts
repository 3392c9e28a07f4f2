/** The differences between IPv4 and IPv6 in the language of nft, so that every rule is written only once. */
import type { Family } from '../../addr/ip.ts';

/** The nft expressions of a family. */
export interface Dialect {
  readonly family: Family;
  /** The table's family, and the header in expressions: `ip daddr`. */
  readonly ip: 'ip' | 'ip6';
  /** The type of its addresses in sets. */
  readonly address: 'ipv4_addr' | 'ipv6_addr';
  readonly icmp: 'icmp' | 'icmpv6';
  /** ICMP messages that carry the packet that caused them (RFC 792; RFC 4443 section 2.1). */
  readonly errors: string;
  /** The number of hops that a packet has left. */
  readonly hops: 'ip ttl' | 'ip6 hoplimit';
}

/** The dialects of both families. */
export const dialects: Readonly<Record<Family, Dialect>> = {
  IPv4: {
    ...{ family: 'IPv4', ip: 'ip', address: 'ipv4_addr', icmp: 'icmp', hops: 'ip ttl' },
    errors: 'icmp type { destination-unreachable, time-exceeded, parameter-problem }',
  },
  IPv6: {
    ...{ family: 'IPv6', ip: 'ip6', address: 'ipv6_addr', icmp: 'icmpv6', hops: 'ip6 hoplimit' },
    errors: 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
  },
};
