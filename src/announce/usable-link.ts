/** Decides whether a link can carry announcements, and why not. */

/** The facts of a link on which the decision depends. */
export interface LinkFacts {
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
 * - `Member`: it belongs to a bond or bridge, which is the link to use;
 * - `Down`: it is not set up;
 * - `NoCarrier`: it is up, but its cable has no signal.
 */
type UnusableReason = 'NoArp' | 'NoEthernetAddress' | 'Member' | 'Down' | 'NoCarrier';

/** Why this link cannot carry announcements now; undefined if it can. Permanent reasons go before temporary ones. */
export function unusableReason({ mac, up, carrier, noArp, master }: LinkFacts): UnusableReason | undefined {
  if (noArp) return 'NoArp';
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return 'NoEthernetAddress';
  if (master !== undefined) return 'Member';
  if (!up) return 'Down';
  return carrier ? undefined : 'NoCarrier';
}
