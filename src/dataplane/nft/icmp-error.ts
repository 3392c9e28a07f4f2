/** ICMP errors carry the packet that they are about (RFC 792; RFC 4443 section 2.4): where its fields are, and how sets name its connection. */
import type { Family, Ip } from '../../addr/ip.ts';
import type { Dialect } from './family.ts';

/** Transport protocols of ports. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** Their numbers in the IP header. */
const numbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Fields of the packet that is carried (no options), in bits from the error's beginning. It went from a VIP to a client. */
export interface CarriedPacket {
  readonly protocol: string;
  readonly source: string;
  readonly port: string;
  readonly client: string;
  readonly clientPort: string;
}

/** Where they are in each family. */
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

/** What an error about a port of a VIP is looked up by. An error is sent to the source of what it is about: that need not be looked at. */
export function errorKey({ ip, family }: Dialect): string {
  return `${ip} daddr . ${carried[family].protocol} . ${carried[family].port}`;
}

/** The element of a set of such keys that stands for a port. */
export function errorElement(vip: Ip, protocol: Protocol, port: number): string {
  return `${vip} . ${hex(numbers[protocol])} . ${hex(port)}`;
}

/** A number as nft takes it for a field without a type of its own. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
