/** Decides whether a link can carry announcements, and why not. */
import { isLinkLocal } from '../addr/ip.ts';
import { type LinkAddress, subnetOf } from '../addr/subnet.ts';

/** The facts of a link on which the decision depends. */
export interface LinkFacts {
  readonly name: string;
  /** Hardware address in text. */
  readonly mac: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly noArp: boolean;
  /** The bond or bridge that the link is a member of. */
  readonly master: string | undefined;
}

/**
 * Why a link carries no announcements:
 * - `NoArp`: it is a tunnel or the loopback;
 * - `NoEthernetAddress`: it has no hardware address of six bytes, or only zeros;
 * - `UnsupportedName`: nft(8) cannot express its name: a quote, a backslash or a star is in it, or a character beyond ASCII;
 * - `Member`: it belongs to a bond or bridge, which is the link to use;
 * - `Down`: it is not set up;
 * - `NoCarrier`: it is up, but its cable has no signal;
 * - `NoSubnet`: it has no address in a subnet, and no L2Advertisement names it: the node's end of a Pod's link, for
 *   example.
 */
type UnusableReason = 'NoArp' | 'NoEthernetAddress' | 'UnsupportedName' | 'Member' | 'Down' | 'NoCarrier' | 'NoSubnet';

/** Why this link cannot carry announcements now; undefined if it can. Permanent reasons go before temporary ones. */
export function unusableReason({ name, mac, up, carrier, noArp, master }: LinkFacts): UnusableReason | undefined {
  if (noArp) return 'NoArp';
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return 'NoEthernetAddress';
  if (!/^[!#-)+-[\]-~]+$/.test(name)) return 'UnsupportedName';
  if (master !== undefined) return 'Member';
  if (!up) return 'Down';
  return carrier ? undefined : 'NoCarrier';
}

/**
 * Could the link carry a VIP or a heartbeat at all? It needs an address whose subnet has room for other hosts, or an
 * L2Advertisement that names it. Link-local addresses do not count: every link has one, and no VIP is link-local. The
 * links of Pods (Calico, Cilium, ptp) have no other address, or one with the prefix /32.
 */
export function isOnNetwork({ addresses }: { readonly addresses: readonly LinkAddress[] }, isNamed: boolean): boolean {
  return isNamed || addresses.some((own) => !isLinkLocal(own.address) && subnetOf(own).hostBits > 0n);
}
