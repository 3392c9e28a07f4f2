/** Settings of a node's kernel that affect load balancing, as its speaker reports them. Plain JSON: another version may read it. */

/** Settings of a link, or of all links (`/proc/sys/net/ipv4/conf`, `.../ipv6/conf`). A setting that cannot be read is absent. */
export interface LinkSettings {
  /** Reverse path filter: 0 off, 1 strict, 2 loose. The kernel applies the larger value of this link and `all` (ip-sysctl). */
  readonly rpFilter?: number;
  readonly arpIgnore?: number;
  readonly arpAnnounce?: number;
  readonly proxyArp?: number;
  readonly proxyNdp?: number;
}

/** The node's settings. A setting that cannot be read is absent. */
export interface NodeFacts {
  /** The output of `uname -r`. */
  readonly kernel: string;
  /** The version of the program nft. */
  readonly nft?: string;
  readonly forwarding: { readonly ipv4?: boolean; readonly ipv6?: boolean };
  readonly allLinks: LinkSettings;
  /** By name. */
  readonly links: Readonly<Record<string, LinkSettings>>;
  /** Links of the default routes. */
  readonly defaultLinks: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] };
  /** Links with programs at their ingress (tc, XDP), which process packets before nftables. */
  readonly programs?: readonly string[];
}
