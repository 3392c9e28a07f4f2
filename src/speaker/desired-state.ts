/** The desired VIPs and the links that can announce them, read again in each pass from the cluster's objects, this node's links and the peers'. */
import { isLinkLocal } from '../addr/ip.ts';
import { DesiredVipReader, type DesiredVipSnapshot, type DesiredVips } from '../announce/desired-vips.ts';
import { isNamedExactly } from '../announce/links.ts';
import { isOnNetwork, unusableReason } from '../announce/usable-link.ts';
import type { AdvertisementView } from '../api/advertisement.ts';
import type { ElectionInput } from '../election/holder-elector.ts';
import { isKnown } from '../kube/informer-set.ts';
import type { LinkMonitor } from '../linux/link-monitor.ts';
import type { Link } from '../linux/links.ts';
import type { PeerLink } from '../liveness/messages.ts';
import { Emitter } from '../runtime/emitter.ts';
import type { ElectionRunner } from './election/election-runner.ts';
import { clusterSnapshot, type Informers } from './informers.ts';

/** The parts that the desired state is read from. */
interface DesiredStateParts {
  readonly informers: Informers;
  readonly monitor: Pick<LinkMonitor, 'links'>;
  readonly runner: Pick<ElectionRunner, 'linksOf' | 'noInboundTraffic'>;
  /** Nodes whose packets with another host's source address do not arrive on a link. */
  readonly blockedOn: (link: string) => readonly string[];
  readonly options: {
    readonly nodeName: string;
    /** Nodes whose speakers run without a Pod. */
    readonly assumeAlive: readonly string[];
  };
}

/** The desired state of one pass. */
export interface DesiredView {
  readonly snapshot: DesiredVipSnapshot;
  readonly vips: DesiredVips;
  /** The links of this node that could carry a VIP or a heartbeat; the same list as long as none has changed. */
  readonly links: readonly Link[];
  /** All links of this node. */
  readonly allLinks: readonly Link[];
  /** The facts that the election depends on. */
  readonly election: ElectionInput;
  /** Addresses of each node that runs a speaker. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The links on which a node can announce, also for this node. */
  readonly linksOf: (node: string) => readonly PeerLink[] | undefined;
}

/** Reads the desired state. */
export class DesiredState {
  /** The desired state was read again. */
  readonly changed = new Emitter<[view: DesiredView]>();
  /** A link that matters has changed: the desired state must be read again. */
  readonly outdated = new Emitter();
  /** Only links that do not matter have changed: those of Pods, which come and go with every Pod. */
  readonly podLinksChanged = new Emitter<[allLinks: readonly Link[]]>();
  readonly #parts: DesiredStateParts;
  readonly #reader = new DesiredVipReader();
  #view: DesiredView | undefined;
  #links: readonly Link[] = [];

  constructor(parts: DesiredStateParts) {
    this.#parts = parts;
  }

  /** The desired state of the last pass; undefined before the cluster is known. */
  get view(): DesiredView | undefined {
    return this.#view;
  }

  /** The links of this node that could carry a VIP or a heartbeat, as of the last pass. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Reads the desired state after a change of the cluster, a peer or a link. Does nothing before the cluster is known. */
  observe = (): void => {
    const { informers, monitor, runner, options } = this.#parts;
    if (!isKnown(informers)) return;
    const { nodeName: self, assumeAlive } = options;
    const snapshot = clusterSnapshot(informers, assumeAlive);
    const allLinks = monitor.links();
    const links = this.#onNetwork(allLinks, snapshot.advertisements);
    const all = this.#peerLinks(links);
    const own = all.filter(({ name }) => !runner.noInboundTraffic.has(name));
    const linksOf = (node: string) => (node === self ? own : runner.linksOf(node));
    const vips = this.#reader.read(snapshot, linksOf);
    const speakers = snapshot.nodes.filter(({ name }) => name === self || snapshot.speakers.has(name));
    this.#view = {
      ...{ snapshot, vips, links, allLinks, linksOf },
      election: { vips: vips.vips, links: all, nodes: new Map(speakers.map((view) => [view.name, view])) },
      addresses: new Map(speakers.map(({ name, internalAddresses }) => [name, internalAddresses])),
    };
    this.changed.emit(this.#view);
  };

  /** The kernel reports a change of links. */
  noteLinks = (): void => {
    const view = this.#view;
    const allLinks = this.#readLinks();
    const before = this.#links;
    if (view && allLinks && this.#onNetwork(allLinks, view.snapshot.advertisements) === before) {
      this.#view = { ...view, allLinks };
      this.podLinksChanged.emit(allLinks);
    } else this.outdated.emit();
  };

  /** The links; undefined if the kernel does not list them now. The next pass tries again, and reports the error. */
  #readLinks(): readonly Link[] | undefined {
    try {
      return this.#parts.monitor.links();
    } catch {
      return undefined;
    }
  }

  /** The links that matter; the same list as long as none has changed. */
  #onNetwork(all: readonly Link[], advertisements: readonly AdvertisementView[]): readonly Link[] {
    const links = all.filter((link) => isOnNetwork(link, isNamedExactly(link.name, advertisements)));
    if (JSON.stringify(links) !== JSON.stringify(this.#links)) this.#links = links;
    return this.#links;
  }

  /** The links that can announce, as this node reports them to its peers. A link-local address is of no use to them. */
  #peerLinks(links: readonly Link[]): readonly PeerLink[] {
    const usable = links.filter((link) => unusableReason(link) === undefined);
    return usable.map(({ name, mac, addresses }) => {
      const global = addresses.filter(({ address }) => !isLinkLocal(address));
      const link = { name, mac, addresses: global.map(({ address, prefix }) => `${address}/${prefix}`) };
      const blocked = this.#parts.blockedOn(name);
      return blocked.length === 0 ? link : { ...link, blocked };
    });
  }
}
