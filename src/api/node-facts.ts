/** What a node's kernel says that matters for load balancing, as its speaker tells it. Plain JSON: another version may read it. */

/** Settings of a link, or of all of them (`/proc/sys/net/ipv4/conf`, `.../ipv6/conf`); absent where they could not be read. */
export interface LinkSettings {
  /** Reverse path filter: 0 off, 1 strict, 2 loose. The larger one of the link and of all counts (ip-sysctl). */
  readonly rpFilter?: number;
  readonly arpIgnore?: number;
  readonly arpAnnounce?: number;
  readonly proxyArp?: number;
  readonly proxyNdp?: number;
}

/** The node's facts. What could not be read is absent. */
export interface NodeFacts {
  /** As `uname -r` says. */
  readonly kernel: string;
  /** Version of the program nft. */
  readonly nft?: string;
  readonly forwarding: { readonly ipv4?: boolean; readonly ipv6?: boolean };
  readonly allLinks: LinkSettings;
  /** By name. */
  readonly links: Readonly<Record<string, LinkSettings>>;
  /** Links that a default route leaves by. */
  readonly defaultLinks: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] };
  /** Links with programs at their ingress (tc, XDP), which see packets before nftables. */
  readonly programs?: readonly string[];
}
