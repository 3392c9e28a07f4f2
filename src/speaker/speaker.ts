/**
 * The speaker: answers ARP and Neighbor Solicitations for the VIPs that this node holds.
 *
 *   ledger, Services, nodes --kube/informer--> snapshot --announce/demands--> what is to be announced, and who may
 *   beats and claims of the other speakers --holding, announce/keeper--> who holds what
 *     both --announce/announcements--> placements
 *     placements --announcer, linux/responder--> the packet worker answers   (frame -> announce/responder -> frame)
 *     placements --announcer, announce/burst--> gratuitous ARP and unsolicited advertisements on gain
 *     placements --record--> the ledger's copy
 *
 * The way from a dead holder to the next one never touches the API server.
 */

import { familyOf, type Ip, parseIp } from '../addr/ip.ts';
import { type Placement, placementsOf } from '../announce/announcements.ts';
import { type Demands, demandsOf } from '../announce/demands.ts';
import type { HolderDecision } from '../announce/holder-view.ts';
import { inSubnet } from '../announce/links.ts';
import { unusableReason } from '../announce/usable-link.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { type LinkMonitor, openLinkMonitor } from '../linux/link-monitor.ts';
import type { Link } from '../linux/links.ts';
import type { LinkVips } from '../linux/responder-thread.ts';
import type { PeerLink } from '../liveness/messages.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { type Announcer, startAnnouncer } from './announcer.ts';
import { Holding } from './holding.ts';
import { openOffline } from './offline.ts';
import { type Held, Recorder } from './record.ts';
import { clusterSnapshot, isKnown, isSynced, type Watched, watchAll } from './snapshot.ts';
import { WireAsker } from './wire-asker.ts';

/** What a speaker is told on its command line. */
export interface SpeakerOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly nodeName: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Nodes whose speakers run without a Pod. */
  readonly assumeAlive: readonly string[];
  /** UDP port by which the speakers hear each other. */
  readonly livenessPort: number;
  /** File with the keys of the datagrams. */
  readonly livenessKey: string;
  /** File for what the speaker knows, so that it can start without the API server; undefined: it cannot. */
  readonly snapshot: string | undefined;
  /** `ADDRESS:PORT` of the health endpoint. */
  readonly health: string;
}

/** A pass runs at least this often, and after every change in the cluster, of a link or of a peer's links. */
const resyncMs = 5_000;
/** A link that failed is tried again after this time. */
const relinkMs = 1_000;

/** Runs the speaker until the signal aborts. Rejects when it may not open its sockets or cannot start otherwise. */
export async function runSpeaker(options: SpeakerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const running = AbortSignal.any([signal, failed.signal]);
  const loop = new Loop({ log, resyncMs, pass: async () => placing.observe() });
  const monitor = openLinkMonitor(loop.trigger);
  const announcer = await startAnnouncer({
    log,
    onLinkFailed: () => loop.triggerIn(relinkMs),
    onThreadFailed: (error) => failed.abort(error),
    onHeard: (address, mac) => holding.heardOnWire(address, mac),
    onStalled: () => holding.decideNow(),
  });
  const client = new KubeClient(await connect(options.kubeconfig));
  const peers = { namespace: options.namespace, labelSelector: options.peerSelector };
  const watched = watchAll({ client, log, onChange: loop.trigger, onUnreachable: () => offline.use() }, peers);
  const { nodeName: node, livenessPort: port, livenessKey: keyFile, snapshot: file } = options;
  const offline = await openOffline({ file, node, log });
  const holding = new Holding({
    ...{ log, node, port, keyFile, claims: offline.claims },
    workerAgeMs: announcer.workerAgeMs,
    onDecisions: (decisions) => placing.decided(decisions),
    askWire: (addresses) => placing.ask(addresses),
    reassert: (vips) => announcer.repeat(vips.map(({ address }) => address)),
    onPeerLinks: loop.trigger,
    onFailed: (error) => failed.abort(error),
  });
  const recorder = new Recorder({ client, log, node, allocations: watched.allocations, signal: running });
  const placing = new Placing({ watched, monitor, announcer, holding, recorder, options, log });
  const closeHealth = await serveHealth({
    listen: options.health,
    live: { worker: announcer.fault },
    ready: { informers: () => (isSynced(watched) ? undefined : 'first lists are not read yet') },
  });
  try {
    await holding.open();
    offline.start({ watched, claims: () => holding.toRemember, onUse: loop.trigger });
    await Promise.all([loop.run(running), ...Object.values(watched).map((informer) => informer.run(running))]);
    failed.signal.throwIfAborted();
  } finally {
    // Nothing moves because of a restart: the others wait a moment for this one.
    holding.sayRestarting();
    monitor.close();
    const [counters] = await Promise.all([announcer.close(), offline.close()]);
    holding.close();
    placing.close();
    closeHealth();
    client.close();
    log.info(counters, 'frames answered and not answered');
  }
}

interface PlacingParts {
  readonly watched: Watched;
  readonly monitor: LinkMonitor;
  readonly announcer: Announcer;
  readonly holding: Holding;
  readonly recorder: Recorder;
  readonly options: SpeakerOptions;
  readonly log: Logger;
}

/** Brings together what the cluster asks for, what the speakers agreed on, and what this node's links can do. */
class Placing {
  readonly #parts: PlacingParts;
  readonly #asker: WireAsker;
  #links: readonly Link[] = [];
  #demands: Demands | undefined;
  #decisions: readonly HolderDecision[] = [];
  #before: readonly Placement[] | undefined;
  #since = new Map<string, { readonly term: number; readonly since: string }>();

  constructor(parts: PlacingParts) {
    this.#parts = parts;
    this.#asker = new WireAsker(parts.log);
  }

  /** The cluster, a peer or a link has changed. */
  observe(): void {
    const { watched, monitor, holding, options } = this.#parts;
    if (!isKnown(watched)) return;
    this.#links = monitor.links();
    const all = this.#links.filter((link) => unusableReason(link) === undefined).map(peerLinkOf);
    const own = all.filter(({ name }) => !holding.deafLinks.has(name));
    const { nodeName: self } = options;
    const snapshot = clusterSnapshot(watched, options.assumeAlive);
    const linksOf = (node: string) => (node === self ? own : holding.linksOf(node));
    this.#demands = demandsOf(snapshot, linksOf);
    const speakers = snapshot.nodes.filter(({ name }) => name === self || snapshot.speakers.has(name));
    holding.observe(
      { vips: this.#demands.vips, links: all, nodes: new Map(speakers.map((view) => [view.name, view])) },
      {
        addresses: new Map(speakers.map(({ name, internalAddresses }) => [name, internalAddresses])),
        linkTo: (address) => this.#linkTo(address)?.name,
      },
    );
    this.#place();
  }

  /** The speakers have agreed. */
  decided(decisions: readonly HolderDecision[]): void {
    this.#decisions = decisions;
    this.#place();
  }

  /** Asks who answers for addresses, on the links in whose subnet they are. */
  ask(addresses: readonly Ip[]): void {
    for (const address of addresses) {
      const link = this.#linkTo(address);
      if (link) this.#asker.ask(link, address);
    }
  }

  /** Closes what it opened. */
  close(): void {
    this.#asker.close();
  }

  #place(): void {
    const { watched, announcer, recorder, options, log } = this.#parts;
    if (this.#demands === undefined) return;
    const node = watched.nodes.store.values().find(({ name }) => name === options.nodeName);
    const here = { self: options.nodeName, labels: node?.labels ?? {}, links: this.#links };
    const now = placementsOf(this.#demands, this.#decisions, here);
    void announcer.apply(byLink(now, this.#links, (node, vip) => this.#macOf(node, vip)));
    if (this.#before === undefined) log.info({ afterMs: Math.round(performance.now()) }, 'ready');
    logChanges(log, this.#before ?? [], now);
    this.#before = now;
    const held = this.#held(now);
    // What an old snapshot led to is nothing to write down.
    if (isSynced(watched)) recorder.record(held);
  }

  #held(placements: readonly Placement[]): readonly Held[] {
    const before = this.#since;
    this.#since = new Map();
    return placements.flatMap((placement): Held[] => {
      if (placement.kind !== 'Announce') return [];
      const { uid, term, vip: address } = placement;
      const known = before.get(uid);
      const since = known?.term === term ? known.since : new Date().toISOString();
      this.#since.set(uid, { term, since });
      const links = this.#links
        .filter(({ name }) => placement.links.includes(name))
        .map(({ name, mac }) => ({ name, mac }));
      return [{ uid, address, term, since, links }];
    });
  }

  /** The hardware address by which a peer answers for an address. */
  #macOf(node: string, vip: Ip): string | undefined {
    const links = this.#parts.holding.linksOf(node) ?? [];
    const isNear = (text: string) => {
      const [ip = '', prefix = ''] = text.split('/');
      const address = parseIp(ip);
      return address !== undefined && inSubnet(vip, { address, prefix: Number(prefix) });
    };
    return (links.find(({ addresses }) => addresses.some(isNear)) ?? links[0])?.mac;
  }

  #linkTo(text: string): Link | undefined {
    const address = parseIp(text);
    // Two links may have addresses of one subnet: nothing comes by the one that is down.
    return address && this.#links.find((link) => link.carrier && link.addresses.some((own) => inSubnet(address, own)));
  }
}

function peerLinkOf({ name, mac, addresses }: Link): PeerLink {
  return { name, mac, addresses: addresses.map(({ address, prefix }) => `${address}/${prefix}`) };
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

/** One line per VIP whose state changed. */
function logChanges(log: Logger, before: readonly Placement[], now: readonly Placement[]): void {
  const told = new Map(before.map((placement) => [placement.vip, placement]));
  for (const placement of now) {
    const { vip, holder } = placement;
    const last = told.get(vip);
    told.delete(vip);
    if (JSON.stringify(last) === JSON.stringify(placement)) continue;
    if (placement.kind === 'Announce') log.info({ vip, links: placement.links, term: placement.term }, 'announcing');
    else if (placement.kind === 'StandIn') log.info({ vip, holder, links: placement.links }, 'standing in');
    else if (last?.kind === 'Announce') log.info({ vip, holder, reason: placement.reason }, 'no longer announcing');
    else if (loud.has(placement.reason)) log.warn({ vip, holder, reason: placement.reason }, 'not announced');
    else log.debug({ vip, holder, reason: placement.reason }, 'silent');
  }
  for (const [vip, { kind }] of told)
    if (kind === 'Announce') log.info({ vip, reason: 'Released' }, 'no longer announcing');
}

/** Silences that a person should know of. */
const loud: ReadonlySet<string> = new Set(['NoUsableLink', 'NetworkAddress', 'LivenessBlocked', 'HolderStillAnswers']);
