/** What differs between IPv4 and IPv6 in the language of nft, so that every rule is written once. */
import type { Family } from '../addr/ip.ts';

/** Words of a family. */
export interface Dialect {
  readonly family: Family;
  /** The table's family, and the header in expressions: `ip daddr`. */
  readonly ip: 'ip' | 'ip6';
  /** Type of its addresses in sets. */
  readonly address: 'ipv4_addr' | 'ipv6_addr';
  readonly icmp: 'icmp' | 'icmpv6';
  /** ICMP messages that carry the packet that caused them (RFC 792; RFC 4443 section 2.1). */
  readonly errors: string;
  /** What `meta protocol` says. */
  readonly protocol: 'ip' | 'ip6';
}

/** The dialects of both families. */
export const dialects: Readonly<Record<Family, Dialect>> = {
  IPv4: {
    ...{ family: 'IPv4', ip: 'ip', address: 'ipv4_addr', icmp: 'icmp', protocol: 'ip' },
    errors: 'icmp type { destination-unreachable, time-exceeded, parameter-problem }',
  },
  IPv6: {
    ...{ family: 'IPv6', ip: 'ip6', address: 'ipv6_addr', icmp: 'icmpv6', protocol: 'ip6' },
    errors: 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
  },
};
