/**
 * ICMP errors carry the packet that caused them (RFC 792; RFC 4443 section 2.4): the offsets of its fields, and the
 * keys of its connection in sets.
 */
import type { Family, Ip } from '../../addr/ip.ts';
import type { Dialect } from './family.ts';

/** The transport protocols of ports. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** Their numbers in the IP header. */
const numbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/**
 * Fields of the carried packet (without IP options), by their offsets in bits from the start of the error. The packet
 * went from a VIP to a client.
 */
interface CarriedPacket {
  readonly protocol: string;
  readonly source: string;
  readonly port: string;
  readonly client: string;
  readonly clientPort: string;
}

/** The offsets in each family. */
export const carried: Readonly<Record<Family, CarriedPacket>> = {
  IPv4: {
    ...{ protocol: '@th,136,8', source: '@th,160,32', port: '@th,224,16' },
    ...{ client: '@th,192,32', clientPort: '@th,240,16' },
  },
  IPv6: {
    ...{ protocol: '@th,112,8', source: '@th,128,128', port: '@th,384,16' },
    ...{ client: '@th,256,128', clientPort: '@th,400,16' },
  },
};

/**
 * The expression that looks up an error about a port of a VIP. An error goes to the source of the packet that caused
 * it, so that source need not be compared.
 */
export function errorKey({ ip, family }: Dialect): string {
  return `${ip} daddr . ${carried[family].protocol} . ${carried[family].port}`;
}

/** The element for a port in a set of such keys. */
export function errorElement(vip: Ip, protocol: Protocol, port: number): string {
  return `${vip} . ${hex(numbers[protocol])} . ${hex(port)}`;
}

/** A number in the form that nft accepts for a field without a type. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
