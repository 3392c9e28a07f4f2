/** Chooses the links of this node on which a VIP is announced. */
import type { Ip } from '../addr/ip.ts';
import { contains, isEdgeOf, type LinkAddress, numericAddress, subnetOf } from '../addr/subnet.ts';
import type { AdvertisementView } from '../api/advertisement.ts';
import { type LinkFacts, unusableReason } from './usable-link.ts';

/** A link that can announce. */
interface AbleLink {
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
}

/** A link, with the facts on which the choice depends. */
export type LinkView = LinkFacts & AbleLink;

/** Chooses the links on which a VIP is announced. */
type LinkChooser = (vip: Ip) => readonly string[];

/** The links that announce a VIP, of all links of a node: {@link linkChooser} of those that can announce. */
export function linksFor(
  vip: Ip,
  advertisements: readonly AdvertisementView[],
  links: readonly LinkView[],
): readonly string[] {
  const able = links.filter((link) => unusableReason(link) === undefined);
  return linkChooser(advertisements, able)(vip);
}

/**
 * The one rule by which a node's links serve a VIP, of those that can announce: every link that an advertisement names
 * exactly, and the first link, of those that the advertisements allow, with an address in the VIP's subnet. Only an
 * exact name waives the subnet check (for a VLAN without an address). Of two links in one subnet only one answers, or
 * clients would hear two MAC addresses. The subnets are computed once: there may be thousands of VIPs.
 */
export function linkChooser(advertisements: readonly AdvertisementView[], links: readonly AbleLink[]): LinkChooser {
  const allowed = links
    .filter(({ name }) => isNamedBy(name, advertisements))
    .map(({ name, addresses }) => ({
      ...{ name, subnets: addresses.map(subnetOf), isExact: isNamedExactly(name, advertisements) },
    }));
  return (vip) => {
    const address = numericAddress(vip);
    const usable = allowed.filter(({ subnets }) => !subnets.some((subnet) => isEdgeOf(subnet, address)));
    const isNear = ({ subnets }: (typeof allowed)[number]) => subnets.some((subnet) => contains(subnet, address));
    const exact = usable.filter(({ isExact }) => isExact);
    const onSubnet = usable.find(isNear);
    const others = onSubnet && !exact.some(isNear) ? [onSubnet] : [];
    return [...exact, ...others].map(({ name }) => name);
  };
}

/** Does one of the advertisements name the link exactly? */
export function isNamedExactly(link: string, advertisements: readonly AdvertisementView[]): boolean {
  return advertisements.some(({ interfaces }) => interfaces.includes(link));
}

/** Does one of the advertisements allow the link: by its name, by a glob, or because it allows all links? */
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

/** A glob may contain `*` (any text) and `?` (one character). */
function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}
