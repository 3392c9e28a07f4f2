/** The clients that may connect to a Service (`spec.loadBalancerSourceRanges`), as Kubernetes reads them. */
import { type Family, familyOf, ipToNumber, parseIp, withoutLeadingZeros } from '../addr/ip.ts';
import type { IpRange } from '../addr/range.ts';
import { type RangeSet, rangeSet } from '../addr/range-set.ts';

/** The source ranges of a Service. */
export interface SourceRanges {
  /** They neither overlap nor touch. */
  readonly sourceRanges: RangeSet;
  /** The entries that are no ranges, as written. */
  readonly unreadableRanges: readonly string[];
}

/** Reads the entries of the field. */
export function parseSourceRanges(texts: readonly string[]): SourceRanges {
  const parsed = texts.map((text) => parseSloppyCidr(text.trim()));
  return {
    sourceRanges: rangeSet(parsed.filter((range) => range !== undefined)),
    unreadableRanges: texts.filter((_, i) => parsed[i] === undefined),
  };
}

/**
 * The addresses of a family from which clients may connect; undefined: all. As for kube-proxy, the ranges of one family do not limit the
 * clients of the other one. An entry that cannot be read may be of either family: it admits no client.
 */
export function admittedFrom(
  { sourceRanges, unreadableRanges }: SourceRanges,
  family: Family,
): readonly IpRange[] | undefined {
  const ranges = sourceRanges.filter((range) => range.family === family);
  if (ranges.length === 0) return unreadableRanges.length === 0 ? undefined : [];
  const [first] = ranges;
  return first?.first === 0n && first.last === (1n << BigInt(widths[family])) - 1n ? undefined : ranges;
}

/** The number of bits of an address. */
const widths: Readonly<Record<Family, number>> = { IPv4: 32, IPv6: 128 };

/**
 * A CIDR as `ParseCIDRSloppy` of k8s.io/utils/net reads it, which the API server and kube-proxy use: numbers may have leading zeros, and are
 * decimal all the same; IPv4-mapped addresses are IPv4 addresses, if there are no others in
 * the range.
 */
function parseSloppyCidr(text: string): IpRange | undefined {
  const [, address = '', digits = ''] = /^([^/]*)\/(\d+)$/.exec(text) ?? [];
  const ip = parseIp(withoutLeadingZeros(address));
  if (ip === undefined) return undefined;
  const [value, bits] = [ipToNumber(ip), Number(digits)];
  if (familyOf(ip) === 'IPv4') return networkOf('IPv4', value, bits);
  const isMapped = value >> 32n === 0xffffn && bits >= 96;
  return isMapped ? networkOf('IPv4', value & 0xffff_ffffn, bits - 96) : networkOf('IPv6', value, bits);
}

function networkOf(family: Family, value: bigint, bits: number): IpRange | undefined {
  const hostBits = widths[family] - bits;
  if (bits < 0 || hostBits < 0) return undefined;
  const first = (value >> BigInt(hostBits)) << BigInt(hostBits);
  return { family, first, last: first + (1n << BigInt(hostBits)) - 1n };
}
