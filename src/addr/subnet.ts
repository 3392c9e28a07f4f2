/** The subnets of links: which addresses are in them, and which of those no host may have. */
import { type Family, familyOf, type Ip, ipToNumber, parseIp } from './ip.ts';

/** An address of a link, with the length of its subnet's prefix in bits. */
export interface LinkAddress {
  readonly address: Ip;
  readonly prefix: number;
}

/** A subnet, in numbers. */
export interface Subnet {
  readonly family: Family;
  /** The address without its host bits, as a number. */
  readonly network: bigint;
  readonly hostBits: bigint;
}

/** An address in numbers: it can be compared with many subnets, and is read once. */
export interface NumericAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** An address of a link in a text, `address/prefix`; undefined where it is none: a peer's texts are signed, but not checked. */
export function parseLinkAddress(text: string): LinkAddress | undefined {
  const [ip = '', prefix = ''] = text.split('/');
  const address = parseIp(ip);
  if (address === undefined || !/^\d{1,3}$/.test(prefix)) return undefined;
  return Number(prefix) <= bitsOf(familyOf(address)) ? { address, prefix: Number(prefix) } : undefined;
}

/** The subnet of a link's address. */
export function subnetOf({ address, prefix }: LinkAddress): Subnet {
  const family = familyOf(address);
  const hostBits = BigInt(bitsOf(family) - prefix);
  return { family, network: ipToNumber(address) >> hostBits, hostBits };
}

/** An address in numbers. */
export function numericAddress(ip: Ip): NumericAddress {
  return { family: familyOf(ip), value: ipToNumber(ip) };
}

/** Is the address in the subnet? */
export function contains({ family, network, hostBits }: Subnet, address: NumericAddress): boolean {
  return address.family === family && address.value >> hostBits === network;
}

/**
 * Is the address the network or the broadcast address of the subnet? Hosts do not ask for those by ARP (RFC 1122 section 3.2.1.3);
 * a prefix of 31 bits has none (RFC 3021). In IPv6, the all-zeros address belongs to every router (RFC 4291 section 2.6.1).
 */
export function isEdgeOf(subnet: Subnet, address: NumericAddress): boolean {
  const { family, hostBits } = subnet;
  if (hostBits <= 1n || !contains(subnet, address)) return false;
  const host = BigInt.asUintN(Number(hostBits), address.value);
  return host === 0n || (family === 'IPv4' && host === (1n << hostBits) - 1n);
}

/** Is the address in the subnet of a link's address? */
export function inSubnet(ip: Ip, own: LinkAddress): boolean {
  return contains(subnetOf(own), numericAddress(ip));
}

function bitsOf(family: Family): number {
  return family === 'IPv4' ? 32 : 128;
}
