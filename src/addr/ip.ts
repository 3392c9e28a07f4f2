/** IP addresses as canonical strings. They are converted to numbers for arithmetic only. */
import { Address4, Address6 } from 'ip-address';

/** An IP family, by its name in `spec.ipFamilies`. */
export type Family = 'IPv4' | 'IPv6';

/** An address in canonical form: IPv4 dotted, IPv6 as in RFC 5952. Equal addresses are equal strings. */
export type Ip = string & { readonly __ip: never };

/** The family of an address. */
export function familyOf(ip: Ip): Family {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** Is the address valid on its own link only (fe80::/10, RFC 4291 section 2.5.6)? */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** Parses an address. Returns undefined if the text holds anything else, such as a prefix length, a zone or a space. */
export function parseIp(text: string): Ip | undefined {
  if (!/^[0-9a-fA-F.:]+$/.test(text)) return undefined;
  try {
    return (text.includes(':') ? new Address6(text) : new Address4(text)).correctForm() as Ip;
  } catch {
    return undefined;
  }
}

/**
 * Parses an address as `ParseIPSloppy` of k8s.io/utils/net does, by which Kubernetes reads the addresses in its objects: numbers may have
 * leading zeros, and are decimal all the same; an IPv4-mapped address is an IPv4 address.
 */
export function parseSloppyIp(text: string): Ip | undefined {
  const ip = parseIp(text) ?? parseIp(withoutLeadingZeros(text));
  if (ip === undefined || !ip.startsWith('::ffff:')) return ip;
  const value = ipToNumber(ip);
  return value >> 32n === 0xffffn ? ipFromNumber(value & 0xffff_ffffn, 'IPv4') : ip;
}

/** The same address, whose decimal and hexadecimal numbers have no leading zeros. */
export function withoutLeadingZeros(address: string): string {
  return address.replace(/(?<![0-9a-f])0+(?=[0-9a-f])/gi, '');
}

/** The address as an unsigned number of 32 or 128 bits. */
export function ipToNumber(ip: Ip): bigint {
  return familyOf(ip) === 'IPv4' ? BigInt(ipv4ToNumber(ip)) : new Address6(ip).bigInt();
}

/** The address with this numeric value. */
export function ipFromNumber(value: bigint, family: Family): Ip {
  return (family === 'IPv4' ? ipv4FromNumber(Number(value)) : Address6.fromBigInt(value).correctForm()) as Ip;
}

// A pass over 10,000 Services makes 20,000 of these conversions. The library is slower: it parses, checks and stores far more than
// four bytes.

function ipv4ToNumber(ip: Ip): number {
  let value = 0;
  for (const part of ip.split('.')) value = value * 256 + Number(part);
  return value;
}

function ipv4FromNumber(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/**
 * The name of the IPAllocation of an address: IPv4 dotted, IPv6 as eight zero-padded groups joined by `-`.
 * The name of an object cannot contain `:` (RFC 1123), and every spelling of the address must give the same name.
 */
export function allocationName(ip: Ip): string {
  return familyOf(ip) === 'IPv4' ? ip : new Address6(ip).canonicalForm().replaceAll(':', '-');
}
