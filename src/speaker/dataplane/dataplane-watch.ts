/** What this node's rules are made from: gathers it from the cluster, the other speakers and the kernel whenever one of them says something new. */
import { familyOf, type Ip, isLinkLocal } from '../../addr/ip.ts';
import { inSubnet, parseLinkAddress } from '../../addr/subnet.ts';
import type { DesiredVips } from '../../announce/desired-vips.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import type { EndpointSliceView } from '../../api/endpoints.ts';
import type { HandOff } from '../../api/hand-off.ts';
import { DeadNodes } from '../../dataplane/plan/dead-nodes.ts';
import { FormerHolders } from '../../dataplane/plan/former-holders.ts';
import type { Neighbor } from '../../dataplane/plan/neighbor.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import { VipPathReader } from '../../dataplane/plan/vip-paths.ts';
import { isKnown } from '../../kube/informer-set.ts';
import type { Link } from '../../linux/links.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { NeighborProber } from '../announce/neighbor-prober.ts';
import type { DesiredState } from '../desired-state.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Informers } from '../informers.ts';
import { type LinkOf, servedBy } from './spread-targets.ts';
import type { SpreadWatch } from './spread-watch.ts';

/** What a person has chosen for the data path of the installation. */
export interface DataplaneOptions {
  readonly nodeName: string;
  readonly handOff: HandOff;
  readonly synLimit: number | undefined;
  readonly conntrackZone: number;
}

/** What the watch works with. */
export interface DataplaneWatchParts {
  readonly informers: Informers;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'linksOf' | 'membership'>;
  readonly desired: Pick<DesiredState, 'view'>;
  readonly links: () => readonly Link[];
  readonly spread: SpreadWatch;
  /** Nodes whose packets in the name of others do not arrive on a link. */
  readonly blockedOn: (link: string) => readonly string[];
  readonly prober: Pick<NeighborProber, 'probe'>;
  readonly options: DataplaneOptions;
}

/** What comes together is looked at together. Milliseconds. */
const gatherMs = 10;

/** The rules of before a restart stay until the other speakers were heard, but for so long at most. Milliseconds. */
const hearOutMs = 3_000;

/** Makes a new {@link DataPath} of what is known, when something has changed. */
export class DataplaneWatch {
  /** There is another plan. */
  readonly planned = new Emitter<[plan: DataPath]>();
  readonly #parts: DataplaneWatchParts;
  readonly #reader = new VipPathReader();
  readonly #former = new FormerHolders();
  readonly #deadNodes = new DeadNodes();
  #dead = '';
  #asking: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When to look although nobody says anything. */
  #lookAt = Number.POSITIVE_INFINITY;
  #later: NodeJS.Timeout | undefined;
  /** When the cluster was known for the first time. */
  #knownAt: number | undefined;
  #isBegun = false;
  #seen: readonly unknown[] = [];
  #neighbours = new Map<string, Neighbor | undefined>();
  #neighboursKey = '';

  constructor(parts: DataplaneWatchParts) {
    this.#parts = parts;
  }

  /** Something may have changed. */
  look = (): void => {
    this.#timer ??= setTimeout(this.#gather, gatherMs).unref();
  };

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#later);
    clearTimeout(this.#asking);
  }

  /** A host answered for an address. */
  heard(address: string): void {
    this.#deadNodes.heard(address, performance.now());
  }

  /** Nodes that no speaker hears are asked for until it is clear whether they are dead. */
  #askForLost = (): void => {
    const { runner, prober } = this.#parts;
    clearTimeout(this.#asking);
    const silent = runner.membership.lost.map((node) => ({ node, addresses: this.#addressesOf(node) }));
    const { dead, asks, nextAt } = this.#deadNodes.review(silent, performance.now());
    if (asks.length > 0) prober.probe(asks);
    if (nextAt !== undefined) this.#asking = setTimeout(this.#askForLost, nextAt - performance.now()).unref();
    const text = dead.join(' ');
    if (text === this.#dead) return;
    this.#dead = text;
    this.look();
  };

  /** Its addresses in subnets of this node's links. */
  #addressesOf(node: string): readonly Ip[] {
    const own = this.#parts.links().flatMap(({ carrier, addresses }) => (carrier ? addresses : []));
    const told = (this.#parts.runner.linksOf(node) ?? []).flatMap(({ addresses }) => addresses.map(parseLinkAddress));
    const ips = told.flatMap((one) => (one === undefined ? [] : [one.address]));
    return ips.filter((ip) => !isLinkLocal(ip) && own.some((subnet) => inSubnet(ip, subnet)));
  }

  #gather = (): void => {
    this.#timer = undefined;
    this.#askForLost();
    const { informers, runner, options } = this.#parts;
    const desired = this.#parts.desired.view?.vips;
    if (!isKnown(informers) || desired === undefined) return;
    const links = this.#parts.links().filter((link) => unusableReason(link) === undefined);
    const peers = informers.nodes.store.values().filter(({ name }) => name !== options.nodeName);
    const key = JSON.stringify([links, peers.map(({ name }) => [name, runner.linksOf(name)])]);
    const { allocations, services, endpointSlices, nodes, advertisements } = informers;
    const stores = [allocations, services, endpointSlices, nodes, advertisements];
    const revisions = stores.map(({ store }) => store.revision);
    const now = performance.now();
    if (this.#isEarly(now)) {
      this.#lookIn(gatherMs);
      return;
    }
    // What changes with time alone.
    const blocked = links.flatMap(({ name }) => this.#parts.blockedOn(name)).join(' ');
    const ages = this.#reader.isLingering || now >= this.#lookAt ? now : 0;
    const seen = [...revisions, runner.decisions, runner.membership, key, blocked, this.#dead, ages];
    if (seen.every((one, i) => one === this.#seen[i])) return;
    this.#seen = [...revisions, runner.decisions, runner.membership, key, blocked, this.#dead, 0];
    if (key !== this.#neighboursKey) this.#neighbours = new Map();
    this.#neighboursKey = key;
    this.planned.emit(this.#pathOf(links, desired, now));
    this.#lookAt = this.#parts.spread.nextAt(now) ?? Number.POSITIVE_INFINITY;
    if (this.#lookAt < Number.POSITIVE_INFINITY) this.#lookIn(this.#lookAt - now);
  };

  /** Who has not heard the others out yet would take them for newcomers, and serve alone until they have settled. */
  #isEarly(now: number): boolean {
    this.#knownAt ??= now;
    const { runner, options } = this.#parts;
    const { present } = runner.membership;
    const isHeard = (node: string) => node === options.nodeName || runner.linksOf(node) !== undefined;
    this.#isBegun ||= (present.length > 0 && present.every(isHeard)) || now - this.#knownAt >= hearOutMs;
    return !this.#isBegun;
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(this.look, ms).unref();
  }

  #pathOf(links: readonly Link[], desired: DesiredVips, now: number): DataPath {
    const { informers, runner, options } = this.#parts;
    const self = options.nodeName;
    const nodes = new Map(informers.nodes.store.values().map((node) => [node.name, node]));
    const lost = new Set(runner.membership.lost);
    const isGone = (node: string) => lost.has(node) && !this.#parts.spread.isInDoubt(node, now);
    const neighbourFor = (node: string, vip: Ip) => (isGone(node) ? undefined : this.#neighbourFor(node, vip, links));
    const slices = informers.endpointSlices.store.values();
    const vips = this.#reader.read({
      ledger: informers.allocations.store.values(),
      service: (uid) => informers.services.store.get(uid),
      handOff: options.handOff,
      isServed: servedBy(slices),
      now,
    });
    const present = new Set(runner.membership.present);
    const planned = this.#parts.spread.plan({
      ...{ desired, links, slices, paths: vips, now },
      hosts: {
        ...{ self, present, neighbourFor },
        isDraining: (node) => nodes.get(node)?.draining === true,
        linkFor: (vip) => linkOf(vip, links),
      },
      toldBy: (node) => (runner.linksOf(node) ?? []).flatMap(({ blocked = [] }) => blocked),
    });
    const held = runner.decisions.map(({ vip: { uid, address }, holder }) => ({ uid, vip: address, holder }));
    const peerMacs = [...nodes.keys()].flatMap((node) => (runner.linksOf(node) ?? []).map(({ mac }) => mac));
    return {
      ...{ self, vips, neighbourFor, peerMacs, ...planned },
      ...this.#former.observe(held, { self, neighbourFor, now }),
      nodeAddresses: nodeAddressesOf(nodes.get(self)?.internalAddresses ?? []),
      links: links.map(({ name, addresses }) => ({
        name,
        addresses: addresses.map(({ address }) => address),
        hasVips: vips.some(({ address: vip }) => addresses.some((own) => inSubnet(vip, own))),
      })),
      deadEndpoints: this.#dead === '' ? [] : deadEndpointsOf(slices, new Set(this.#dead.split(' '))),
      synLimit: options.synLimit,
      zone: options.conntrackZone,
    };
  }

  #neighbourFor(node: string, vip: Ip, links: readonly Link[]): Neighbor | undefined {
    const key = `${node} ${vip}`;
    if (!this.#neighbours.has(key)) this.#neighbours.set(key, this.#findNeighbour(node, vip, links));
    return this.#neighbours.get(key);
  }

  /** By the link on which the VIP is: a packet that is handed on must not be routed. */
  #findNeighbour(node: string, vip: Ip, links: readonly Link[]): Neighbor | undefined {
    const link = linkFor(vip, links);
    if (link === undefined) return undefined;
    for (const { mac, addresses } of this.#parts.runner.linksOf(node) ?? []) {
      const near = addresses.map(parseLinkAddress).find((own) => own !== undefined && inSubnet(vip, own));
      if (near) return { node, address: near.address, mac, link: link.name };
    }
    return undefined;
  }
}

/** The link in whose subnet an address is. */
function linkFor(vip: Ip, links: readonly Link[]): Link | undefined {
  return links.find(({ addresses }) => addresses.some((own) => inSubnet(vip, own)));
}

/** The same link, and in which of its subnets the address is. */
function linkOf(vip: Ip, links: readonly Link[]): LinkOf | undefined {
  const link = linkFor(vip, links);
  const own = link?.addresses.find((one) => inSubnet(vip, one));
  return link && own && { name: link.name, subnet: `${own.address}/${own.prefix}` };
}

function deadEndpointsOf(slices: readonly EndpointSliceView[], lost: ReadonlySet<string>): readonly Ip[] {
  const dead = slices.flatMap(({ endpoints }) => endpoints.filter(({ node }) => lost.has(node)));
  return [...new Set(dead.flatMap(({ addresses }) => addresses))];
}

/** The first of each family, as kube-proxy takes them. */
function nodeAddressesOf(addresses: readonly Ip[]): DataPath['nodeAddresses'] {
  const [IPv4, IPv6] = (['IPv4', 'IPv6'] as const).map((family) => addresses.find((one) => familyOf(one) === family));
  return { ...(IPv4 ? { IPv4 } : {}), ...(IPv6 ? { IPv6 } : {}) };
}
