/** Which links of this node a VIP is announced on. */
import type { Ip } from '../addr/ip.ts';
import { inSubnet, isEdgeOf, type LinkAddress, numericAddress, subnetOf } from '../addr/subnet.ts';
import type { AdvertisementView } from '../api/advertisement.ts';
import { type LinkFacts, unusableReason } from './usable-link.ts';

/** What the choice of links depends on. */
export interface LinkView extends LinkFacts {
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
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
  const address = numericAddress(vip);
  return addresses.some((own) => isEdgeOf(subnetOf(own), address));
}

/** Globs know `*` (any text) and `?` (one character). */
function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}
