/** Which links of this node a VIP is announced on. */
import { familyOf, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import type { AdvertisementView } from '../api/advertisement.ts';
import { type LinkFacts, unusableReason } from './usable-link.ts';

/** What the choice of links depends on. */
export interface LinkView extends LinkFacts {
  readonly name: string;
  readonly addresses: readonly { readonly address: Ip; readonly prefix: number }[];
}

/**
 * The links that announce a VIP: of those that the advertisements name, each one named exactly, and otherwise the
 * first with an address in the VIP's subnet. Only an exact name waives the subnet check (a VLAN without address); of two links
 * in one subnet one answers, or clients would hear two MACs.
 */
export function linksFor(
  vip: Ip,
  advertisements: readonly AdvertisementView[],
  links: readonly LinkView[],
): readonly string[] {
  const patterns = advertisements.flatMap(({ interfaces }) => (interfaces.length === 0 ? ['*'] : interfaces));
  const usable = links.filter((link) => unusableReason(link) === undefined && !isEdge(vip, link));
  const exact = usable.filter(({ name }) => patterns.includes(name));
  const onSubnet = usable.find(
    (link) =>
      patterns.some((pattern) => matches(pattern, link.name)) && link.addresses.some((own) => inSubnet(vip, own)),
  );
  const others = onSubnet && !exact.some((link) => link.addresses.some((own) => inSubnet(vip, own))) ? [onSubnet] : [];
  return [...exact, ...others].map(({ name }) => name);
}

/** Does one of the advertisements name the link exactly? */
export function isNamedExactly(link: string, advertisements: readonly AdvertisementView[]): boolean {
  return advertisements.some(({ interfaces }) => interfaces.includes(link));
}

/** Does one of the advertisements name the link, exactly or by a glob, or all links? */
export function isNamedBy(link: string, advertisements: readonly AdvertisementView[]): boolean {
  return advertisements.some(
    ({ interfaces }) => interfaces.length === 0 || interfaces.some((pattern) => matches(pattern, link)),
  );
}

/** Is the VIP the network or the broadcast address of one of the link's subnets? */
export function isEdge(vip: Ip, { addresses }: Pick<LinkView, 'addresses'>): boolean {
  return addresses.some((own) => isEdgeOfSubnet(vip, own));
}

/**
 * Is the VIP the network or the broadcast address of a link's subnet? Hosts do not ask for those by ARP (RFC 1122 section 3.2.1.3);
 * a prefix of 31 bits has none (RFC 3021). Of IPv6, the all-zeros address is every router's (RFC 4291 section 2.6.1).
 */
function isEdgeOfSubnet(vip: Ip, { address, prefix }: LinkView['addresses'][number]): boolean {
  const bits = familyOf(vip) === 'IPv4' ? 32 : 128;
  if (!inSubnet(vip, { address, prefix }) || prefix >= bits - 1) return false;
  const hostBits = BigInt(bits - prefix);
  const host = BigInt.asUintN(Number(hostBits), ipToNumber(vip));
  return host === 0n || (bits === 32 && host === (1n << hostBits) - 1n);
}

/** An address of a link as peers write it, `address/prefix`; undefined where it is none: what peers say is signed, and no more than that. */
export function parseLinkAddress(text: string): LinkView['addresses'][number] | undefined {
  const [ip = '', prefix = ''] = text.split('/');
  const address = parseIp(ip);
  const isPrefix =
    address !== undefined && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (familyOf(address) === 'IPv4' ? 32 : 128);
  return isPrefix ? { address, prefix: Number(prefix) } : undefined;
}

/** Is the VIP in the subnet of this address? */
export function inSubnet(vip: Ip, { address, prefix }: LinkView['addresses'][number]): boolean {
  if (familyOf(vip) !== familyOf(address)) return false;
  const hostBits = BigInt((familyOf(vip) === 'IPv4' ? 32 : 128) - prefix);
  return ipToNumber(vip) >> hostBits === ipToNumber(address) >> hostBits;
}

/** Globs know `*` (any text) and `?` (one character). */
function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}
