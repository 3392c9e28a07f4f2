/** The subnets of links: which addresses are in a subnet, and which of those no host may use. */
import { type Family, familyOf, type Ip, ipToNumber, parseIp } from './ip.ts';

/** An address of a link, with its prefix length in bits. */
export interface LinkAddress {
  readonly address: Ip;
  readonly prefix: number;
}

/** A subnet as numbers. */
export interface Subnet {
  readonly family: Family;
  /** The address without its host bits, as a number. */
  readonly network: bigint;
  readonly hostBits: bigint;
}

/** An address as a number: it is parsed once and can be compared with many subnets. */
interface NumericAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** Parses an address of a link, `address/prefix`. Returns undefined if the text is invalid: texts of peers are signed, but not checked. */
export function parseLinkAddress(text: string): LinkAddress | undefined {
  const [ip = '', prefix = ''] = text.split('/');
  const address = parseIp(ip);
  if (address === undefined || !/^\d{1,3}$/.test(prefix)) return undefined;
  return Number(prefix) <= bitsOf(familyOf(address)) ? { address, prefix: Number(prefix) } : undefined;
}

/** The valid ones of these addresses. */
export function parseLinkAddresses(texts: readonly string[]): readonly LinkAddress[] {
  return texts.map(parseLinkAddress).filter((own) => own !== undefined);
}

/** The subnet of a link's address. */
export function subnetOf({ address, prefix }: LinkAddress): Subnet {
  const family = familyOf(address);
  const hostBits = BigInt(bitsOf(family) - prefix);
  return { family, network: ipToNumber(address) >> hostBits, hostBits };
}

/** The number of an address. */
export function numericAddress(ip: Ip): NumericAddress {
  return { family: familyOf(ip), value: ipToNumber(ip) };
}

/** Is the address in the subnet? */
export function contains({ family, network, hostBits }: Subnet, address: NumericAddress): boolean {
  return address.family === family && address.value >> hostBits === network;
}

/**
 * Is the address the network or the broadcast address of the subnet? Hosts send no ARP request for these (RFC 1122 section 3.2.1.3).
 * A subnet with a prefix of 31 bits has neither (RFC 3021). In IPv6, the all-zeros address belongs to every router (RFC 4291
 * section 2.6.1).
 */
export function isEdgeOf(subnet: Subnet, address: NumericAddress): boolean {
  const { family, hostBits } = subnet;
  if (hostBits <= 1n || !contains(subnet, address)) return false;
  const host = BigInt.asUintN(Number(hostBits), address.value);
  return host === 0n || (family === 'IPv4' && host === (1n << hostBits) - 1n);
}

/** Is the address in the subnet that a link's address belongs to? */
export function inSubnet(ip: Ip, own: LinkAddress): boolean {
  return contains(subnetOf(own), numericAddress(ip));
}

/**
 * The addresses of another node's link that can be reached on a link of this node, because they are in one of its
 * subnets. A bridge of containers has the same address on each node, such as 172.17.0.1/16: the subnet of an address that
 * both links have is no common one, and an address of this node leads to this node.
 */
export function addressesOnLink(own: readonly LinkAddress[], its: readonly LinkAddress[]): readonly Ip[] {
  const isOwn = ({ address }: LinkAddress) => own.some((one) => one.address === address);
  const common = own.filter(({ address }) => !its.some((one) => one.address === address));
  return its
    .filter((one) => !isOwn(one) && common.some((subnet) => inSubnet(one.address, subnet)))
    .map(({ address }) => address);
}

function bitsOf(family: Family): number {
  return family === 'IPv4' ? 32 : 128;
}
