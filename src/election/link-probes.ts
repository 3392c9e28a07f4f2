/**
 * Finds links of this node without inbound traffic, although they have a carrier: a cable to a dead switch, or a VLAN
 * that does not exist. The peers that were heard on such a link are now heard on other links only, and they do not
 * answer probes for their own addresses on it. A firewall on the port alone does not make a link count as broken, since
 * ARP still passes. One silent peer proves nothing: its own link may be the broken one. Neither do peers without a link
 * there, nor peers that all hear nothing there themselves: then it is not known whose links are broken, and every holder
 * stays.
 */
import { familyOf, type Ip, parseIp } from '../addr/ip.ts';
import { addressesOnLink, inSubnet, parseLinkAddresses } from '../addr/subnet.ts';
import { type PeerLink, times } from '../liveness/messages.ts';
import type { Peer } from '../liveness/peer.ts';
import type { Peers } from '../liveness/peers.ts';

/** An address to probe on a link, to find out whether the link works. */
export interface Probe {
  readonly link: string;
  readonly address: Ip;
}

/** A host with a hardware address claims an address, by a frame that arrived on a link. */
export interface WireClaim {
  readonly address: string;
  readonly mac: string;
  readonly link: string;
}

interface Quiet {
  readonly since: number;
  probedAt: number;
  probes: number;
  readonly wasAnswered: boolean;
}

/** At least this many peers must be missed on a link. */
const leastPeers = 2;
/** At most this many addresses of each family are probed: the silence of one family says nothing about the other. */
const mostProbes = 3;
const leastProbes = 3;
const pauseMs = { first: 50, later: 500 } as const;
const quickProbes = 5;

/** Watches the links of this node. */
export class LinkProbes {
  readonly #quiet = new Map<string, Quiet>();
  #noInboundTraffic: ReadonlySet<string> = new Set();
  /** When a link will have been quiet long enough to be probed. */
  #missedAt = Number.POSITIVE_INFINITY;

  /** The links without inbound traffic; the same set as long as it does not change. */
  get noInboundTraffic(): ReadonlySet<string> {
    return this.#noInboundTraffic;
  }

  /** The links that peers are told of: without those that have no inbound traffic, and with a mark on the quiet ones. */
  reported(all: readonly PeerLink[]): readonly PeerLink[] {
    const quiet = this.#quietLinks;
    if (this.#noInboundTraffic.size + quiet.length === 0) return all;
    const usable = all.filter(({ name }) => !this.#noInboundTraffic.has(name));
    return usable.map((link) => (quiet.includes(link.name) ? { ...link, quiet: true } : link));
  }

  /** The links on which no peer is heard at the moment, and none answers. */
  get #quietLinks(): readonly string[] {
    return [...this.#quiet].filter(([, { probes, wasAnswered }]) => !wasAnswered || probes > 1).map(([name]) => name);
  }

  /** Reviews all links. Returns the addresses to probe. */
  review(links: readonly PeerLink[], peers: Peers, now: number): readonly Probe[] {
    const addressesOn = (link: PeerLink, { node }: Peer) =>
      (peers.links.of(node) ?? []).flatMap((its) => addressesIn(link, its));
    const probes: Probe[] = [];
    const silent = new Set<string>();
    this.#missedAt = Number.POSITIVE_INFINITY;
    for (const link of links) {
      const heard = heardOn(link.name, [...peers.all()], now);
      const least = this.#noInboundTraffic.has(link.name) ? 1 : leastPeers;
      const missedAt = Math.max(...heard.map(({ paths }) => paths.get(link.name)?.at ?? now)) + times.suspect;
      // Addresses are looked at only if all are missed: that is rare, and takes time.
      const known = missedAt > now ? heard : heard.filter((peer) => addressesOn(link, peer).length > 0);
      if (known.length < least || missedAt > now) {
        if (known.length >= least) this.#missedAt = Math.min(this.#missedAt, missedAt);
        this.#quiet.delete(link.name);
        continue;
      }
      const quiet = this.#quiet.get(link.name) ?? { ...begun(now), probedAt: Number.NEGATIVE_INFINITY };
      this.#quiet.set(link.name, quiet);
      const isProven = quiet.probes >= leastProbes && now - quiet.since >= times.dead - times.suspect;
      if (isProven && known.some(({ node }) => hearsOthersOn(link, peers.links.of(node)))) silent.add(link.name);
      if (now - quiet.probedAt < (quiet.probes < quickProbes ? pauseMs.first : pauseMs.later)) continue;
      Object.assign(quiet, { probedAt: now, probes: quiet.probes + 1 } satisfies Partial<Quiet>);
      const addresses = known.flatMap((peer) => addressesOn(link, peer));
      for (const some of Map.groupBy(addresses, familyOf).values())
        probes.push(...some.slice(0, mostProbes).map((address) => ({ link: link.name, address })));
    }
    for (const name of this.#quiet.keys()) if (!links.some((link) => link.name === name)) this.#quiet.delete(name);
    if (silent.size !== this.#noInboundTraffic.size || [...silent].some((name) => !this.#noInboundTraffic.has(name)))
      this.#noInboundTraffic = silent;
    return probes;
  }

  /** When the next review is due at the latest. */
  get nextAt(): number {
    const quick = [...this.#quiet.values()].filter(({ probes }) => probes < quickProbes);
    return Math.min(this.#missedAt, ...quick.map(({ probedAt }) => probedAt + pauseMs.first));
  }

  /** The last probe on a link could not be sent: that no host answers it proves nothing. */
  unsent(link: string): void {
    const quiet = this.#quiet.get(link);
    if (quiet) quiet.probes = Math.max(0, quiet.probes - 1);
  }

  /** A host answered for an address of its own link. */
  answered({ address, link: name }: WireClaim, links: readonly PeerLink[], now: number): void {
    const ip = parseIp(address);
    const link = links.find((one) => one.name === name);
    if (ip === undefined || link === undefined || !this.#quiet.has(name) || !isOn(link, ip)) return;
    this.#quiet.set(name, { ...begun(now), wasAnswered: true });
  }
}

function begun(now: number): Quiet {
  return { since: now, probedAt: now, probes: 0, wasAnswered: false };
}

/** The peers that send a heartbeat to this node every 100 ms, are heard now, and were heard on this link before. */
function heardOn(link: string, peers: readonly Peer[], now: number): readonly Peer[] {
  return peers.filter(({ heartbeat, heardAt, paths }) => {
    if (heartbeat === undefined || heartbeat.nextMs > times.heartbeat) return false;
    return now - heardAt < times.suspect && paths.has(link);
  });
}

/** Is one of the links of a peer there, and does the peer hear others on it? */
function hearsOthersOn(link: PeerLink, its: readonly PeerLink[] = []): boolean {
  return its.some((one) => !one.quiet && addressesIn(link, one).length > 0);
}

/** The addresses on a link of a peer that can be reached on this node's link. */
function addressesIn(link: PeerLink, its: PeerLink): readonly Ip[] {
  return addressesOnLink(parseLinkAddresses(link.addresses), parseLinkAddresses(its.addresses));
}

function isOn({ addresses }: PeerLink, ip: Ip): boolean {
  return parseLinkAddresses(addresses).some((own) => inSubnet(ip, own));
}
