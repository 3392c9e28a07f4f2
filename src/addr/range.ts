/** Ranges of addresses: a CIDR, `first-last`, or a single address. */
import { Address4, Address6 } from 'ip-address';
import { type Family, familyOf, type Ip, ipFromNumber, ipToNumber, parseIp } from './ip.ts';

/** All addresses from `first` to `last`, including both. */
export interface IpRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** Why a text is not a range. */
export interface InvalidRange {
  readonly reason: 'InvalidAddress' | 'InvalidRange';
  readonly message: string;
}

/** Parses a range in one of the three forms. Returns the reason if the text is not a range. */
export function parseRange(text: string): IpRange | InvalidRange {
  if (text.includes('/')) return parseCidr(text);
  const [first, last, ...rest] = text.split('-').map((part) => parseIp(part.trim()));
  if (first === undefined || rest.length > 0 || (text.includes('-') && last === undefined)) {
    return invalid(text, 'is not an address, a CIDR or a range "first-last"');
  }
  return rangeBetween(first, last ?? first);
}

/** Is this a range, and not the reason why a text is none? */
export function isRange(range: IpRange | InvalidRange): range is IpRange {
  return 'first' in range;
}

/** The range as text: one address, a CIDR if the range is one, otherwise first-last. */
export function formatRange({ family, first, last }: IpRange): string {
  const size = last - first + 1n;
  const bits = size.toString(2).length - 1;
  if (size === 1n) return ipFromNumber(first, family);
  const isCidr = size === 1n << BigInt(bits) && first % size === 0n;
  if (isCidr) return `${ipFromNumber(first, family)}/${(family === 'IPv4' ? 32 : 128) - bits}`;
  return `${ipFromNumber(first, family)}-${ipFromNumber(last, family)}`;
}

function rangeBetween(first: Ip, last: Ip): IpRange | InvalidRange {
  const text = `${first}-${last}`;
  if (familyOf(first) !== familyOf(last)) {
    return { reason: 'InvalidRange', message: `"${text}" mixes IPv4 and IPv6` };
  }
  const range = { family: familyOf(first), first: ipToNumber(first), last: ipToNumber(last) };
  if (range.first > range.last) return { reason: 'InvalidRange', message: `"${text}" ends before it starts` };
  return range;
}

/** The network that a CIDR with host bits stands for, such as 192.0.2.0/24 for `192.0.2.40/24`. undefined for any other text. */
export function networkOfHostBits(text: string): IpRange | undefined {
  const [address = '', bits] = text.split('/');
  const range = bits === undefined ? undefined : parseCidr(text);
  const ip = parseIp(address);
  return range === undefined || ip === undefined || !isRange(range) || range.first === ipToNumber(ip)
    ? undefined
    : range;
}

/** Host bits are allowed and ignored, because people write the address of a router with its prefix length. */
function parseCidr(text: string): IpRange | InvalidRange {
  const [address, bits, ...rest] = text.split('/');
  const ip = parseIp(address ?? '');
  if (ip === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits ?? '')) return invalid(text, 'is not a CIDR');
  try {
    const cidr = familyOf(ip) === 'IPv4' ? new Address4(text) : new Address6(text);
    return { family: familyOf(ip), first: cidr.startAddress().bigInt(), last: cidr.endAddress().bigInt() };
  } catch {
    return invalid(text, 'is not a CIDR');
  }
}

function invalid(text: string, what: string): InvalidRange {
  return { reason: 'InvalidAddress', message: `"${text}" ${what}` };
}
