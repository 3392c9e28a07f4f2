/**
 * Finds links of this node without inbound traffic, although they have a carrier: a cable to a dead switch, or a VLAN
 * that does not exist. The peers that were heard on such a link are now heard on other links only, and they do not
 * answer probes for their own addresses on it. A firewall on the port alone does not make a link count as broken, since
 * ARP still passes. One silent peer proves nothing: its own link may be the broken one.
 */
import { type Ip, parseIp } from '../addr/ip.ts';
import { inSubnet, parseLinkAddress } from '../addr/subnet.ts';
import { type PeerLink, times } from '../liveness/messages.ts';
import type { Peer } from '../liveness/peer.ts';

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
}

/** At least this many peers must be missed on a link. */
const leastPeers = 2;
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

  /** Reviews all links. Returns the addresses to probe. */
  review(links: readonly PeerLink[], peers: readonly Peer[], now: number): readonly Probe[] {
    const probes: Probe[] = [];
    const silent = new Set<string>();
    this.#missedAt = Number.POSITIVE_INFINITY;
    for (const link of links) {
      const known = heardOn(link.name, peers, now);
      const missedAt = Math.max(...known.map(({ paths }) => paths.get(link.name)?.at ?? now)) + times.suspect;
      if (known.length < leastPeers || missedAt > now) {
        if (known.length >= leastPeers) this.#missedAt = Math.min(this.#missedAt, missedAt);
        this.#quiet.delete(link.name);
        continue;
      }
      const addresses = known.flatMap((peer) => addressesOn(link, peer)).slice(0, mostProbes);
      // Without an address to probe there is no proof.
      if (addresses.length === 0) continue;
      const quiet = this.#quiet.get(link.name) ?? { since: now, probedAt: Number.NEGATIVE_INFINITY, probes: 0 };
      this.#quiet.set(link.name, quiet);
      if (quiet.probes >= leastProbes && now - quiet.since >= times.dead - times.suspect) silent.add(link.name);
      if (now - quiet.probedAt < (quiet.probes < quickProbes ? pauseMs.first : pauseMs.later)) continue;
      Object.assign(quiet, { probedAt: now, probes: quiet.probes + 1 } satisfies Partial<Quiet>);
      probes.push(...addresses.map((address) => ({ link: link.name, address })));
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
    this.#quiet.set(name, { since: now, probedAt: now, probes: 0 });
  }
}

/** The peers that send a heartbeat to this node every 100 ms, are heard now, and were heard on this link before. */
function heardOn(link: string, peers: readonly Peer[], now: number): readonly Peer[] {
  return peers.filter(({ heartbeat, heardAt, paths }) => {
    return (
      heartbeat !== undefined && heartbeat.nextMs <= times.heartbeat && now - heardAt < times.suspect && paths.has(link)
    );
  });
}

function addressesOn(link: PeerLink, { heartbeat }: Peer): readonly Ip[] {
  const all = (heartbeat?.links ?? []).flatMap(({ addresses }) =>
    addresses.map((text) => parseIp(text.split('/')[0] ?? '')),
  );
  return all.filter((address) => address !== undefined && isOn(link, address)) as Ip[];
}

function isOn({ addresses }: PeerLink, ip: Ip): boolean {
  return addresses.some((text) => {
    const own = parseLinkAddress(text);
    return own !== undefined && inSubnet(ip, own);
  });
}
