/** Gathers the facts for this node's data plane from the cluster, the peers and the kernel, and plans it when one of them changes. */
import type { Ip } from '../../addr/ip.ts';
import { inSubnet, parseLinkAddress } from '../../addr/subnet.ts';
import type { DesiredVips } from '../../announce/desired-vips.ts';
import type { Placement } from '../../announce/placements.ts';
import { standingOf } from '../../announce/standing.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import type { AllocationView } from '../../api/allocation.ts';
import { crowdedOut, type HandOff } from '../../api/hand-off.ts';
import { FormerHolders } from '../../dataplane/plan/former-holders.ts';
import { linkFor, NeighborTable } from '../../dataplane/plan/neighbor-table.ts';
import { planDataplane } from '../../dataplane/plan/plan-dataplane.ts';
import type { DataPath, VipPath } from '../../dataplane/plan/spec.ts';
import { VipPathReader } from '../../dataplane/plan/vip-paths.ts';
import { isKnown } from '../../kube/informer-set.ts';
import type { Link } from '../../linux/links.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { isSameList } from '../../memo/memo.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { NeighborProber } from '../announce/neighbor-prober.ts';
import type { DesiredState } from '../desired-state.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Informers } from '../informers.ts';
import { DeadNodeWatch } from './dead-node-watch.ts';
import type { LinkOf } from './spread-targets.ts';
import type { SpreadWatch } from './spread-watch.ts';

/** The options of the installation for the data path. */
export interface DataplaneOptions {
  readonly nodeName: string;
  readonly handOff: HandOff;
  readonly synLimit: number | undefined;
  readonly conntrackZone: number;
}

/** The parts that the watch works with. */
interface DataplaneWatchParts {
  readonly informers: Informers;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'linksOf' | 'membership'> &
    Partial<Pick<ElectionRunner, 'noInboundTraffic'>>;
  readonly desired: Pick<DesiredState, 'view'>;
  readonly links: () => readonly Link[];
  readonly spread: SpreadWatch;
  /** Nodes whose packets with another host's source address do not arrive on a link. */
  readonly blockedOn: (link: string) => readonly string[];
  readonly prober: Pick<NeighborProber, 'probe'>;
  readonly options: DataplaneOptions;
}

/** Changes within this time lead to one plan. Milliseconds. */
const gatherMs = 10;

/** After a restart the former rules stay until all present peers were heard, but for at most this time. Milliseconds. */
const mostListeningMs = 3_000;

/** Plans the data plane of this node again when something has changed. */
export class DataplaneWatch {
  /** There is a new plan. */
  readonly planned = new Emitter<[plan: DataPath]>();
  readonly #parts: DataplaneWatchParts;
  readonly #reader = new VipPathReader();
  readonly #former = new FormerHolders();
  readonly #neighbors = new NeighborTable();
  readonly #deadNodes: DeadNodeWatch;
  #soon: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  /** When to plan again even if nothing changes. */
  #planAt = Number.POSITIVE_INFINITY;
  /** When the cluster was known for the first time. */
  #knownAt: number | undefined;
  #hasStarted = false;
  /** What this node does with each VIP, by uid; undefined before it was decided. */
  #placements: ReadonlyMap<string, Placement> | undefined;
  /** The facts that the last plan was made from. */
  #planned: readonly unknown[] = [];

  constructor(parts: DataplaneWatchParts) {
    this.#parts = parts;
    this.#deadNodes = new DeadNodeWatch(parts);
    this.#deadNodes.changed.to(this.replan);
  }

  /** Plans again soon. Must be called when something may have changed. */
  replan = (): void => {
    this.#soon ??= setTimeout(this.#planIfChanged, gatherMs).unref();
  };

  /** Notes what this node does with each VIP. */
  place(placements: readonly Placement[]): void {
    const before = this.#placements;
    const isSame = (now: Placement) => {
      const last = before?.get(now.uid);
      return last?.kind === now.kind && (last.holder === undefined) === (now.holder === undefined);
    };
    // A VIP that is withheld has a new placement each time.
    if (before?.size === placements.length && placements.every(isSame)) return;
    this.#placements = new Map(placements.map((placement) => [placement.uid, placement]));
    this.replan();
  }

  /** A host answered for an address. */
  heard(claim: HeardClaim): void {
    this.#deadNodes.heard(claim);
  }

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.#soon);
    clearTimeout(this.#later);
    this.#deadNodes.close();
  }

  #planIfChanged = (): void => {
    this.#soon = undefined;
    this.#deadNodes.review();
    const { informers, desired, spread } = this.#parts;
    const vips = desired.view?.vips;
    if (!isKnown(informers) || vips === undefined) return;
    const now = performance.now();
    if (this.#isEarly(now)) {
      this.#replanIn(gatherMs);
      return;
    }
    const links = this.#parts.links().filter((link) => unusableReason(link) === undefined);
    const linksKey = this.#keyOf(links);
    const facts = this.#factsOf(links, linksKey);
    // The fact that changes with time alone.
    const age = this.#reader.isLingering || now >= this.#planAt ? now : 0;
    if (isSameList([...facts, age], this.#planned)) return;
    this.#planned = [...facts, 0];
    this.#neighbors.keepFor(linksKey);
    this.planned.emit(this.#plan(links, vips, now));
    this.#planAt = spread.nextAt(now) ?? Number.POSITIVE_INFINITY;
    if (this.#planAt < Number.POSITIVE_INFINITY) this.#replanIn(this.#planAt - now);
  };

  /** Whether it is too early to plan: a speaker that has not heard its peers would treat them as new, and serve alone until they have settled. */
  #isEarly(now: number): boolean {
    this.#knownAt ??= now;
    const { runner, options } = this.#parts;
    const { present } = runner.membership;
    const isHeard = (node: string) => node === options.nodeName || runner.linksOf(node) !== undefined;
    this.#hasStarted ||= (present.length > 0 && present.every(isHeard)) || now - this.#knownAt >= mostListeningMs;
    return !this.#hasStarted;
  }

  #replanIn(ms: number): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(this.replan, ms).unref();
  }

  /** A text that stands for all links of all nodes. */
  #keyOf(links: readonly Link[]): string {
    const { informers, runner, options } = this.#parts;
    const peers = informers.nodes.store.values().filter(({ name }) => name !== options.nodeName);
    return JSON.stringify([links, peers.map(({ name }) => [name, runner.linksOf(name)])]);
  }

  /** All facts that a plan depends on. Each is the same object as before if it has not changed. */
  #factsOf(links: readonly Link[], linksKey: string): readonly unknown[] {
    const { informers, runner, blockedOn } = this.#parts;
    const { allocations, services, endpointSlices, nodes, advertisements } = informers;
    const revisions = [allocations, services, nodes, advertisements].map(({ store }) => store.revision);
    const blocked = links.flatMap(({ name }) => blockedOn(name)).join(' ');
    return [
      ...revisions,
      endpointSlices.store.answersRevision,
      runner.decisions,
      runner.membership,
      linksKey,
      blocked,
      this.#deadNodes.dead,
      this.#placements,
    ];
  }

  #restraints({ unwanted }: DesiredVips, links: readonly Link[]): (entry: AllocationView) => VipPath['restraint'] {
    const own = new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
    const reasons = new Map(unwanted.map(({ uid, reason }) => [uid, reason]));
    return (entry) => {
      const isOwn = own.has(entry.address);
      const known = { placement: this.#placements?.get(entry.uid), unwanted: reasons.get(entry.uid), isOwn };
      const standing = standingOf(entry, known);
      return standing === 'Announced' ? undefined : standing;
    };
  }

  /** All addresses of nodes, as their objects and their speakers report them. */
  #hostAddresses(links: readonly Link[]): readonly Ip[] {
    const { informers, runner } = this.#parts;
    const nodes = informers.nodes.store.values();
    const reported = nodes.flatMap(({ name }) => (runner.linksOf(name) ?? []).flatMap((link) => link.addresses));
    const onLinks = [...reported.map(parseLinkAddress), ...links.flatMap((link) => link.addresses)];
    const all = [...nodes.flatMap((node) => node.addresses), ...onLinks.map((one) => one?.address)];
    return all.filter((address) => address !== undefined);
  }

  #plan(links: readonly Link[], desired: DesiredVips, now: number): DataPath {
    const { informers, runner, options, spread } = this.#parts;
    const self = options.nodeName;
    const nodes = new Map(informers.nodes.store.values().map((node) => [node.name, node]));
    const lost = new Set(runner.membership.lost);
    const isGone = (node: string) => lost.has(node) && !spread.isInDoubt(node, now);
    const neighborLinks = { own: links, of: (node: string) => runner.linksOf(node) };
    const neighborFor = (node: string, vip: Ip) =>
      isGone(node) ? undefined : this.#neighbors.find(node, vip, neighborLinks);
    const endpoints = informers.endpointSlices.store;
    endpoints.watchNodes(this.#deadNodes.dead);
    const vips = this.#reader.read({
      ledger: informers.allocations.store.values(),
      service: (uid) => informers.services.store.get(uid),
      handOff: options.handOff,
      crowded: crowdedOut(informers.services.store.values(), options.handOff),
      isServed: endpoints.isServed,
      restraintOf: this.#restraints(desired, links),
      now,
    });
    const spreadPlan = spread.plan({
      ...{ desired, links, paths: vips, endpoints: endpoints.countsOf, now },
      hosts: {
        ...{ self, present: new Set(runner.membership.present), neighborFor },
        isDraining: (node) => nodes.get(node)?.draining === true,
        linkFor: (vip) => linkOf(vip, links),
      },
      reportedBy: (node) => (runner.linksOf(node) ?? []).flatMap(({ blocked = [] }) => blocked),
    });
    const held = runner.decisions.map(({ vip: { uid, address }, holder }) => ({ uid, vip: address, holder }));
    return planDataplane({
      ...{ self, vips, neighborFor, links, slices: endpoints.values(), ...spreadPlan },
      ...this.#former.observe(held, { self, neighborFor, now }),
      peerMacs: [...nodes.keys()].flatMap((node) => (runner.linksOf(node) ?? []).map(({ mac }) => mac)),
      internalAddresses: nodes.get(self)?.internalAddresses ?? [],
      deadNodes: this.#deadNodes.dead,
      hostAddresses: () => this.#hostAddresses(links),
      synLimit: options.synLimit,
      zone: options.conntrackZone,
    });
  }
}

/** The link in whose subnet an address is, and which of its subnets that is. */
function linkOf(vip: Ip, links: readonly Link[]): LinkOf | undefined {
  const link = linkFor(vip, links);
  const own = link?.addresses.find((one) => inSubnet(vip, one));
  return link && own && { name: link.name, subnet: `${own.address}/${own.prefix}` };
}
