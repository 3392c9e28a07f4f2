/** What this node's rules are made from: gathers it from the cluster, the other speakers and the kernel whenever one of them says something new. */
import { familyOf, type Ip } from '../addr/ip.ts';
import type { HolderDecision } from '../announce/holder-view.ts';
import { inSubnet, parseLinkAddress } from '../announce/links.ts';
import { unusableReason } from '../announce/usable-link.ts';
import type { HandOff } from '../api/hand-off.ts';
import { FormerHolders } from '../dataplane/chances.ts';
import type { DataPath } from '../dataplane/path.ts';
import type { Neighbour } from '../dataplane/second-chance.ts';
import { VipPathReader } from '../dataplane/vip-paths.ts';
import type { Link } from '../linux/links.ts';
import type { Holding } from './holding.ts';
import { isKnown, type Watched } from './snapshot.ts';

/** What a person has chosen for the data path of the installation. */
export interface PathOptions {
  readonly nodeName: string;
  readonly handOff: HandOff;
  readonly synLimit: number | undefined;
  readonly conntrackZone: number;
}

/** What the watch works with. */
export interface PathParts {
  readonly watched: Watched;
  readonly holding: Pick<Holding, 'linksOf' | 'lost'>;
  readonly links: () => readonly Link[];
  readonly options: PathOptions;
  readonly onPath: (path: DataPath) => void;
}

/** What comes together is looked at together. Milliseconds. */
const gatherMs = 10;

/** Makes a new {@link DataPath} of what is known, when something has changed. */
export class PathWatch {
  readonly #parts: PathParts;
  readonly #reader = new VipPathReader();
  readonly #former = new FormerHolders();
  #decisions: readonly HolderDecision[] = [];
  #timer: NodeJS.Timeout | undefined;
  #seen: readonly unknown[] = [];
  #neighbours = new Map<string, Neighbour | undefined>();
  #neighboursKey = '';

  constructor(parts: PathParts) {
    this.#parts = parts;
  }

  /** The speakers have agreed. */
  decided(decisions: readonly HolderDecision[]): void {
    this.#decisions = decisions;
    this.look();
  }

  /** Something may have changed. */
  look = (): void => {
    this.#timer ??= setTimeout(this.#gather, gatherMs).unref();
  };

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #gather = (): void => {
    this.#timer = undefined;
    const { watched, holding, options, onPath } = this.#parts;
    if (!isKnown(watched)) return;
    const links = this.#parts.links().filter((link) => unusableReason(link) === undefined);
    const peers = watched.nodes.store.values().filter(({ name }) => name !== options.nodeName);
    const known = [links, peers.map(({ name }) => [name, holding.linksOf(name)])];
    const key = JSON.stringify(known);
    const { allocations, services, endpointSlices, nodes } = watched;
    const revisions = [allocations, services, endpointSlices, nodes].map(({ store }) => store.revision);
    const seen = [...revisions, this.#decisions, holding.lost, key, this.#reader.isLingering ? performance.now() : 0];
    if (seen.every((one, i) => one === this.#seen[i])) return;
    this.#seen = seen;
    if (key !== this.#neighboursKey) this.#neighbours = new Map();
    this.#neighboursKey = key;
    onPath(
      this.#pathOf(
        links,
        peers.map(({ name }) => name),
      ),
    );
  };

  #pathOf(links: readonly Link[], peers: readonly string[]): DataPath {
    const { watched, holding, options } = this.#parts;
    const now = performance.now();
    const lost = new Set(holding.lost);
    const own = watched.nodes.store.values().find(({ name }) => name === options.nodeName);
    const dead = watched.endpointSlices.store
      .values()
      .flatMap(({ endpoints }) =>
        lost.size === 0 ? [] : endpoints.filter(({ node }) => lost.has(node)).flatMap(({ addresses }) => addresses),
      );
    const held = this.#decisions.map(({ vip: { uid, address }, holder }) => ({ uid, vip: address, holder }));
    const chances = this.#former.observe(held, {
      self: options.nodeName,
      neighbourFor: (node, vip) => (lost.has(node) ? undefined : this.#neighbourFor(node, vip, links)),
      peerMacs: peers.flatMap((node) => (holding.linksOf(node) ?? []).map(({ mac }) => mac)),
      now,
    });
    return {
      nodeAddresses: nodeAddressesOf(own?.internalAddresses ?? []),
      vips: this.#reader.read({
        ledger: watched.allocations.store.values(),
        service: (uid) => watched.services.store.get(uid),
        handOff: options.handOff,
        now,
      }),
      links: links.map(({ name, addresses }) => ({ name, addresses: addresses.map(({ address }) => address) })),
      deadEndpoints: [...new Set(dead)],
      synLimit: options.synLimit,
      zone: options.conntrackZone,
      ...chances,
    };
  }

  #neighbourFor(node: string, vip: Ip, links: readonly Link[]): Neighbour | undefined {
    const key = `${node} ${vip}`;
    if (!this.#neighbours.has(key)) this.#neighbours.set(key, this.#findNeighbour(node, vip, links));
    return this.#neighbours.get(key);
  }

  /** By the link on which the VIP is: a packet that is handed on must not be routed. */
  #findNeighbour(node: string, vip: Ip, links: readonly Link[]): Neighbour | undefined {
    const link = links.find(({ addresses }) => addresses.some((own) => inSubnet(vip, own)));
    if (link === undefined) return undefined;
    for (const { mac, addresses } of this.#parts.holding.linksOf(node) ?? []) {
      const near = addresses.map(parseLinkAddress).find((own) => own !== undefined && inSubnet(vip, own));
      if (near) return { node, address: near.address, mac, link: link.name };
    }
    return undefined;
  }
}

/** The first of each family, as kube-proxy takes them. */
function nodeAddressesOf(addresses: readonly Ip[]): DataPath['nodeAddresses'] {
  const [IPv4, IPv6] = (['IPv4', 'IPv6'] as const).map((family) => addresses.find((one) => familyOf(one) === family));
  return { ...(IPv4 ? { IPv4 } : {}), ...(IPv6 ? { IPv6 } : {}) };
}
