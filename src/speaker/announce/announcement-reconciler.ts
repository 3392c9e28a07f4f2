/** Combines the desired VIPs, the decisions of the election and the state of this node's links into placements, and has the announcer apply them. */
import type { Ip } from '../../addr/ip.ts';
import { heldOf, type Placement, Placer, withheld, withheldUnserved } from '../../announce/placements.ts';
import { impossibleOn, type ProxyQuestion } from '../../announce/proxies.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import type { AddressOwner, HeldVip } from '../../announce/watched-vip.ts';
import type { Link } from '../../linux/links.ts';
import type { LinkVips } from '../../linux/worker/responder-thread.ts';
import { isSameList } from '../../memo/memo.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { DesiredState } from '../desired-state.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Informers } from '../informers.ts';
import type { Announcer } from './announcer.ts';
import type { ConflictWatch } from './conflict-watch.ts';
import type { NeighborProber } from './neighbor-prober.ts';
import type { ProxyWatch } from './proxy-watch.ts';

/** The parts that the reconciler works with. */
interface AnnouncementReconcilerParts {
  readonly informers: Pick<Informers, 'nodes'>;
  readonly desired: Pick<DesiredState, 'view'>;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'linksOf'>;
  readonly announcer: Pick<Announcer, 'apply'>;
  readonly prober: Pick<NeighborProber, 'probeOn'>;
  readonly conflicts: ConflictWatch;
  readonly proxy: ProxyWatch;
  /** Could the rules of this node serve a VIP? Absent: no rules are wanted. */
  readonly canServe?: (vip: Ip) => boolean;
  readonly nodeName: string;
  readonly log: Logger;
}

/** Decides for every VIP whether this node announces it, and applies the result. */
export class AnnouncementReconciler {
  /** The placements of all VIPs on this node were decided, and are being applied. */
  readonly placed = new Emitter<[now: readonly Placement[]]>();
  /** The placements have changed. Emitted before {@link placed}. */
  readonly changed = new Emitter<[before: readonly Placement[], now: readonly Placement[]]>();
  readonly #parts: AnnouncementReconcilerParts;
  readonly #placer = new Placer();
  /** The placements by the election alone, before any VIP is withheld. */
  #elected: readonly Placement[] = [];
  #placements: readonly Placement[] = [];
  #isReady = false;

  constructor(parts: AnnouncementReconcilerParts) {
    this.#parts = parts;
  }

  /** Decides all placements again, after a change that they depend on. Does nothing before the cluster is known. */
  reconcile = (): void => {
    const { informers, desired, runner, announcer, conflicts, proxy, canServe } = this.#parts;
    const { nodeName: self, log } = this.#parts;
    const view = desired.view;
    if (view === undefined) return;
    const { vips, links } = view;
    const node = informers.nodes.store.values().find(({ name }) => name === self);
    this.#elected = this.#placer.place(vips, runner.decisions, { self, labels: node?.labels ?? {}, links });
    const held = heldOf(this.#elected, vips, ownersAmong(view.allLinks, self));
    conflicts.observe(held);
    proxy.observe(held);
    const before = this.#placements;
    const announceable = withheld(
      this.#elected,
      (uid) => conflicts.stateOf(uid),
      (uid) => proxy.of(uid),
    );
    this.#placements = canServe === undefined ? announceable : withheldUnserved(announceable, canServe);
    const linksOf = new Map(vips.vips.map((vip) => [vip.uid, vip.linksOf]));
    const macOf = ({ uid, holder = '' }: Placement, link: string) =>
      this.#macOf(holder, linksOf.get(uid)?.(holder) ?? [], link);
    void announcer.apply(byLink(this.#placements, links, macOf));
    if (!this.#isReady) log.info({ afterMs: Math.round(performance.now()) }, 'ready');
    this.#isReady = true;
    // Most of the time nothing has changed, and there may be thousands of VIPs.
    if (!isSameList(before, this.#placements)) this.changed.emit(before, this.#placements);
    this.placed.emit(this.#placements);
  };

  /** Probes these VIPs on the links on which this node holds them. */
  probeHeld = (vips: readonly HeldVip[]): void => {
    const { desired, prober, conflicts } = this.#parts;
    const placements = new Map(this.#elected.map((placement) => [placement.uid, placement]));
    for (const { uid, address } of vips) {
      const placement = placements.get(uid);
      const names = placement?.kind === 'Announce' ? placement.links : [];
      const links = desired.view?.links.filter(({ name }) => names.includes(name)) ?? [];
      const sent = links.filter((link) => prober.probeOn(link, address));
      if (sent.length < links.length || links.length === 0) conflicts.unsent(uid);
    }
  };

  /** Asks all hosts of these links for an address that no host can have. */
  askProxies = (questions: readonly ProxyQuestion[]): void => {
    const { desired, prober, conflicts } = this.#parts;
    for (const question of questions) {
      const link = desired.view?.links.find(({ name }) => name === question.link);
      const address = link && impossibleOn(question.family, link.addresses);
      const isSent = link === undefined || address === undefined || prober.probeOn(link, address);
      conflicts.asked(question, link === undefined ? 'NoLink' : isSent ? address : 'Unsent');
    }
  };

  /**
   * The hardware address with which a peer answers for a VIP: that of the link of the same name, if it announces the VIP there, or else of the
   * first link on which it does. undefined: it is not known, and then nothing is answered in its name.
   */
  #macOf(node: string, announcing: readonly string[], link: string): string | undefined {
    const name = announcing.includes(link) ? link : announcing[0];
    return this.#parts.runner.linksOf(node)?.find((one) => one.name === name)?.mac;
  }
}

/** The link of this node that has an address; not the loopback, nor a link without ARP, on which kube-proxy keeps the VIPs in IPVS mode. */
function ownersAmong(links: readonly Link[], node: string): (address: Ip) => AddressOwner | undefined {
  const owners = new Map<Ip, AddressOwner>();
  for (const { name: link, mac, noArp, addresses } of links)
    if (!noArp) for (const { address } of addresses) owners.set(address, { node, link, mac });
  return (address) => owners.get(address);
}

/**
 * The whole desired state of the links: the VIPs and stand-ins that each answers for, and the families in which it hears other hosts. These
 * are both: peers are probed at their own addresses, too.
 */
function byLink(
  placed: readonly Placement[],
  links: readonly Link[],
  macOf: (placement: Placement, link: string) => string | undefined,
): readonly LinkVips[] {
  const announced = placed.filter((placement) => placement.kind === 'Announce');
  const stoodIn = placed.filter((placement) => placement.kind === 'StandIn');
  const usable = placed.length === 0 ? [] : links.filter((link) => unusableReason(link) === undefined);
  return usable.map((link) => ({
    link,
    vips: announced.filter(({ links: names }) => names.includes(link.name)).map(({ vip }) => vip),
    standIns: stoodIn
      .filter(({ links: names }) => names.includes(link.name))
      .flatMap((placement) => {
        const mac = macOf(placement, link.name);
        return mac === undefined ? [] : [{ vip: placement.vip, mac }];
      }),
    listens: ['IPv4', 'IPv6'],
  }));
}
