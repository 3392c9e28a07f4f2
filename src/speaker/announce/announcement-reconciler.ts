/** What this node does about every VIP, and puts it into effect. */
import { familyOf, type Ip, parseIp } from '../../addr/ip.ts';
import { inSubnet, parseLinkAddress } from '../../addr/subnet.ts';
import { type HeldVip, proxiesOf } from '../../announce/conflict-detector.ts';
import { DesiredVipReader, type DesiredVipSnapshot, type DesiredVips } from '../../announce/desired-vips.ts';
import { isIdle } from '../../announce/idle.ts';
import { heldOf, type Placement, Placer, withheld } from '../../announce/placements.ts';
import { type Finding, type Report, Reporter } from '../../announce/reports.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import { type AllocationView, allocationCondition, allocationConditions, nodeOnRecord } from '../../api/allocation.ts';
import type { Condition } from '../../api/meta.ts';
import type { SpeakerStatus } from '../../api/speaker-status.ts';
import type { HolderDecision } from '../../election/view.ts';
import type { LinkMonitor } from '../../linux/link-monitor.ts';
import type { Link } from '../../linux/links.ts';
import type { LinkVips } from '../../linux/worker/responder-thread.ts';
import type { PeerLink, ProbeReport } from '../../liveness/messages.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import { Takeovers } from '../election/takeover-metrics.ts';
import { linkStatus, vipStatus } from '../http/status.ts';
import { clusterSnapshot, isKnown, isSynced, type Watched } from '../informers.ts';
import type { Announcer } from './announcer.ts';
import { ConflictWatch } from './conflict-watch.ts';
import { NeighborProber } from './neighbor-prober.ts';
import { logChanges } from './placement-log.ts';
import { ProxyWatch } from './proxy-watch.ts';
import type { HolderStatusWriter } from './status-writer.ts';
import { Verifier } from './verifier.ts';

/** What the placing of VIPs works with. */
export interface AnnouncementReconcilerParts {
  readonly watched: Watched;
  readonly monitor: LinkMonitor;
  readonly announcer: Announcer;
  readonly holding: ElectionRunner;
  readonly recorder: HolderStatusWriter;
  /** Nodes whose packets in the name of others do not arrive on a link. */
  readonly blockedOn: (link: string) => readonly string[];
  /** Whether the connections of a VIP are spread over several nodes; undefined where that is not wanted. */
  readonly spreadOf: (vip: Ip) => Finding<string> | undefined;
  readonly options: {
    readonly nodeName: string;
    /** Nodes whose speakers run without a Pod. */
    readonly assumeAlive: readonly string[];
  };
  readonly log: Logger;
}

/** Brings together what the cluster asks for, what the speakers agreed on, and what this node's links can do. */
export class AnnouncementReconciler {
  readonly #parts: AnnouncementReconcilerParts;
  readonly #asker: NeighborProber;
  readonly #reader = new DesiredVipReader();
  readonly #placer = new Placer();
  readonly #reporter = new Reporter();
  #links: readonly Link[] = [];
  #snapshot: DesiredVipSnapshot | undefined;
  #demands: DesiredVips | undefined;
  #decisions: readonly HolderDecision[] = [];
  #placements: readonly Placement[] = [];
  #before: readonly Placement[] | undefined;
  readonly #conflicts: ConflictWatch;
  readonly #proxy = new ProxyWatch(() => this.#place());
  readonly #verifier: Verifier;
  /** How VIPs come and go. */
  readonly takeovers = new Takeovers();
  #reports: readonly Report[] = [];

  constructor(parts: AnnouncementReconcilerParts) {
    this.#parts = parts;
    const { log, holding, announcer } = parts;
    this.#asker = new NeighborProber(log);
    this.#conflicts = new ConflictWatch({
      log,
      nodeOf: (mac) => holding.nodeOf(mac) ?? nodeOnRecord(parts.watched.allocations.store.values(), mac),
      ask: (vips) => this.#askWhereHeld(vips),
      defend: (vips) => announcer.repeat(vips.map(({ address }) => address)),
      onChange: () => this.#place(),
    });
    this.#verifier = new Verifier({
      log,
      ask: (link, address, to) => this.#asker.ask(link, address, to),
      say: (node, found) => holding.report(node, found),
      onChange: () => this.#place(),
    });
  }

  /** What the cluster asks for; undefined before it is known. */
  get demands(): DesiredVips | undefined {
    return this.#demands;
  }

  /** The cluster, a peer or a link has changed. */
  observe = (): void => {
    const { watched, monitor, holding, options } = this.#parts;
    if (!isKnown(watched)) return;
    this.#links = monitor.links();
    const usable = this.#links.filter((link) => unusableReason(link) === undefined);
    const all = usable.map((link) => peerLinkOf(link, this.#parts.blockedOn(link.name)));
    const own = all.filter(({ name }) => !holding.deafLinks.has(name));
    const { nodeName: self } = options;
    const snapshot = clusterSnapshot(watched, options.assumeAlive);
    this.#snapshot = snapshot;
    const linksOf = (node: string) => (node === self ? own : holding.linksOf(node));
    this.#verifier.observe({ self, linksOf, snapshot, links: this.#links, living: () => holding.living });
    this.#demands = this.#reader.read(snapshot, linksOf);
    const speakers = snapshot.nodes.filter(({ name }) => name === self || snapshot.speakers.has(name));
    holding.observe(
      { vips: this.#demands.vips, links: all, nodes: new Map(speakers.map((view) => [view.name, view])) },
      {
        addresses: new Map(speakers.map(({ name, internalAddresses }) => [name, internalAddresses])),
        linkTo: (address) => this.#linkTo(address)?.name,
      },
    );
    this.#place();
  };

  /** The speakers have agreed. */
  decided(decisions: readonly HolderDecision[]): void {
    this.#decisions = decisions;
    this.#verifier.decided(decisions);
    this.#place();
  }

  /** A peer says what it found out about VIPs of this node. */
  told(news: ProbeReport): void {
    this.#verifier.told(news);
  }

  /** Asks who answers for addresses, on the links in whose subnet they are. */
  ask(addresses: readonly Ip[]): void {
    for (const address of addresses) {
      const link = this.#linkTo(address);
      if (link) this.#asker.ask(link, address);
    }
  }

  /** Somebody with this hardware address says that an address is its own. */
  heard(address: string, mac: string): void {
    this.#parts.holding.heardOnWire(address, mac);
    this.#conflicts.heard(address, mac);
    this.#verifier.heard(address, mac);
  }

  /** What a person is told: this node's links, and what becomes of every VIP here. */
  get status(): Pick<SpeakerStatus, 'links' | 'vips'> {
    const terms = new Map(this.#decisions.map(({ vip, term }) => [vip.uid, term]));
    const { blockedOn, spreadOf, holding } = this.#parts;
    return {
      links: this.#links.map((link) =>
        linkStatus(link, { deaf: holding.deafLinks.has(link.name), blocked: blockedOn(link.name) }),
      ),
      vips: (this.#before ?? []).map((placement) =>
        vipStatus(placement, {
          term: terms.get(placement.uid),
          conflict: this.#conflicts.stateOf(placement.uid),
          spread: spreadOf(placement.vip),
        }),
      ),
    };
  }

  /** What is to be written down of the VIPs that this node answers for, or reports on. */
  get reports(): readonly Report[] {
    return this.#reports;
  }

  /** Closes what it opened. */
  close(): void {
    this.#conflicts.close();
    this.#proxy.close();
    this.#verifier.close();
    this.#asker.close();
  }

  #place(): void {
    const { watched, options } = this.#parts;
    const demands = this.#demands;
    if (demands === undefined) return;
    const node = watched.nodes.store.values().find(({ name }) => name === options.nodeName);
    const here = { self: options.nodeName, labels: node?.labels ?? {}, links: this.#links };
    this.#placements = this.#placer.place(demands, this.#decisions, here);
    const proxies = proxiesIn(watched.allocations.store.values());
    const held = heldOf(this.#placements, demands);
    this.#conflicts.observe(held, proxies);
    this.#proxy.observe(held);
    this.#verifier.ignore(proxies);
    this.#takeEffect(
      withheld(
        this.#placements,
        (uid) => this.#conflicts.stateOf(uid),
        (uid) => this.#proxy.of(uid),
      ),
    );
  }

  #takeEffect(now: readonly Placement[]): void {
    const { watched, announcer, recorder, options, holding, log } = this.#parts;
    void announcer.apply(byLink(now, this.#links, (node, vip) => this.#macOf(node, vip)));
    if (this.#before === undefined) log.info({ afterMs: Math.round(performance.now()) }, 'ready');
    this.#tellChanges(this.#before ?? [], now);
    this.#before = now;
    this.#reports = this.#reporter.report(now, {
      self: options.nodeName,
      links: this.#links,
      stateOf: (uid) => this.#conflicts.stateOf(uid),
      verifiedOf: (uid) =>
        this.#verifier.findingOf(uid, recordOf(watched.allocations.store.get(uid), options.nodeName)),
      spreadOf: this.#parts.spreadOf,
      dataPathFault: (uid) => this.#dataPathFault(uid),
      isReporter: (address) => holding.isReporter(address),
    });
    // What an old snapshot led to is nothing to write down.
    if (isSynced(watched)) recorder.record(this.#reports);
  }

  #tellChanges(before: readonly Placement[], now: readonly Placement[]): void {
    // As it is most of the time, with thousands of VIPs.
    if (before.length === now.length && before.every((one, i) => one === now[i])) return;
    const { log, holding } = this.#parts;
    logChanges(log, before, now);
    this.takeovers.note(before, now, () => holding.peers);
  }

  #dataPathFault(uid: string): 'NoEndpoints' | 'DataPathUnproven' | undefined {
    const { watched, options } = this.#parts;
    const entry = watched.allocations.store.get(uid);
    if (entry && this.#snapshot && isIdle(entry, this.#snapshot, options.nodeName)) return 'NoEndpoints';
    return this.#proxy.of(uid) === 'Unproven' ? 'DataPathUnproven' : undefined;
  }

  #askWhereHeld(vips: readonly HeldVip[]): void {
    const linksOf = new Map(this.#placements.map((placement) => [placement.uid, placement]));
    for (const { uid, address } of vips) {
      const placement = linksOf.get(uid);
      const names = placement?.kind === 'Announce' ? placement.links : [];
      for (const link of this.#links) if (names.includes(link.name)) this.#asker.ask(link, address);
    }
  }

  /** The hardware address by which a peer answers for an address. */
  #macOf(node: string, vip: Ip): string | undefined {
    const links = this.#parts.holding.linksOf(node) ?? [];
    const isNear = (text: string) => {
      const own = parseLinkAddress(text);
      return own !== undefined && inSubnet(vip, own);
    };
    return (links.find(({ addresses }) => addresses.some(isNear)) ?? links[0])?.mac;
  }

  #linkTo(text: string): Link | undefined {
    const address = parseIp(text);
    // Two links may have addresses of one subnet: nothing comes by the one that is down.
    return address && this.#links.find((link) => link.carrier && link.addresses.some((own) => inSubnet(address, own)));
  }
}

function peerLinkOf({ name, mac, addresses }: Link, blocked: readonly string[]): PeerLink {
  const link = { name, mac, addresses: addresses.map(({ address, prefix }) => `${address}/${prefix}`) };
  return blocked.length === 0 ? link : { ...link, blocked };
}

/** The whole desired state of the links: what each answers, and that it hears who else does. */
function byLink(
  placed: readonly Placement[],
  links: readonly Link[],
  macOf: (node: string, vip: Ip) => string | undefined,
): readonly LinkVips[] {
  const announced = placed.filter((placement) => placement.kind === 'Announce');
  const stoodIn = placed.filter((placement) => placement.kind === 'StandIn');
  const usable = placed.length === 0 ? [] : links.filter((link) => unusableReason(link) === undefined);
  return usable.map((link) => ({
    link,
    vips: announced.filter(({ links: names }) => names.includes(link.name)).map(({ vip }) => vip),
    standIns: stoodIn
      .filter(({ links: names }) => names.includes(link.name))
      .map(({ vip, holder = '' }) => ({ vip, mac: macOf(holder, vip) ?? link.mac })),
    listens: [...new Set(placed.map(({ vip }) => familyOf(vip)))],
  }));
}

/** What is on record as verified of a VIP that this node held when it was written. */
function recordOf(entry: AllocationView | undefined, self: string): Condition | undefined {
  return entry?.recorded?.node === self ? allocationCondition(entry, allocationConditions.verified) : undefined;
}

/** Hosts that answer for any address, as all that was found out about VIPs shows. */
function proxiesIn(entries: readonly AllocationView[]): ReadonlySet<string> {
  return proxiesOf(
    entries.map(({ address, conflict, quarantine }) => ({ address, mac: conflict?.mac ?? quarantine?.mac })),
  );
}
