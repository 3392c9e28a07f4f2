/**
 * Runs the keeper with real sockets: beats to every peer ten times a second, claims at once when they change, and a decision after
 * whatever matters. Needs no API server.
 */
import { type Ip, isLinkLocal } from '../../addr/ip.ts';
import type { PeerStatus } from '../../api/speaker-status.ts';
import { type ElectionInput, HolderElector } from '../../election/holder-elector.ts';
import type { HolderDecision, Vip } from '../../election/view.ts';
import { decodeMessage, encodeMessage } from '../../liveness/codec.ts';
import {
  type Claim,
  type Heartbeat,
  type Message,
  type PeerLink,
  type ProbeReport,
  times,
} from '../../liveness/messages.ts';
import { PeerLinks } from '../../liveness/peer-links.ts';
import type { Logger } from '../../runtime/logger.ts';
import { openDatagrams, type SignedDatagrams } from '../../runtime/signed-datagrams.ts';
import { LivenessLog } from './liveness-log.ts';

/** What the keeper of this node works with. */
export interface ElectionRunnerOptions {
  readonly log: Logger;
  readonly node: string;
  readonly port: number;
  /** The address of this node to hear the others on; undefined: all. */
  readonly address?: string;
  readonly keyFile: string;
  /** What this node claimed before its restart. */
  readonly claims: readonly Claim[];
  /** Milliseconds since the packet worker turned. */
  readonly workerAgeMs: () => number;
  readonly onDecisions: (decisions: readonly HolderDecision[]) => void;
  readonly askWire: (addresses: readonly Ip[]) => void;
  /** Neighbors may have heard another node last: tell them again. */
  readonly reassert: (vips: readonly Vip[]) => void;
  /** A peer's links, or those of this node that are deaf, have changed: who can serve what has to be looked at anew. */
  readonly onPeerLinks: () => void;
  /** {@link CurrentHolder.roll} has changed. */
  readonly onMembership: () => void;
  /** A peer has found something out about VIPs that this node holds. */
  readonly onProbed: (news: ProbeReport) => void;
  /** The socket is of no more use. */
  readonly onFailed: (error: Error) => void;
}

/** Where the nodes are, and which subnets this one is in. */
export interface Neighborhood {
  /** Addresses of each node that runs a speaker. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The name of the link whose subnet an address is in; undefined where it is reached by a router. */
  readonly linkTo: (address: string) => string | undefined;
}

/** The nodes, as the speakers see them. */
export interface NodeMembership {
  /** They live, or are back in a moment: their kernels serve meanwhile. */
  readonly present: readonly string[];
  readonly lost: readonly string[];
}

/** A peer is asked to be patient: its list is sent this often at most. */
const listPauseMs = 200;

/** The keeper and its sockets. */
export class ElectionRunner {
  readonly #options: ElectionRunnerOptions;
  readonly #incarnation = crypto.randomUUID().replaceAll('-', '').slice(0, 16);
  /** Before the cluster is known there is nobody to listen to, and nothing to decide. */
  #keeper: HolderElector | undefined;
  #datagrams: SignedDatagrams | undefined;
  #neighbourhood: Neighborhood = { addresses: new Map(), linkTo: () => undefined };
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #soon: NodeJS.Immediate | undefined;
  #decisions: readonly HolderDecision[] | undefined;
  #deaf: ReadonlySet<string> = new Set();
  #turnedAt = performance.now();
  /** What became of the datagrams whose signature was right. */
  readonly #receptions = { Taken: 0, OtherAddressee: 0, Replayed: 0, Unreadable: 0 };
  #roll: NodeMembership = { present: [], lost: [] };
  readonly #listedAt = new Map<string, number>();
  readonly #links = new PeerLinks();
  readonly #livenessLog: LivenessLog;

  constructor(options: ElectionRunnerOptions) {
    this.#options = options;
    this.#livenessLog = new LivenessLog(options.log);
  }

  /** Opens the socket and begins to beat. Rejects where the port is taken or there is no key. */
  async open(): Promise<void> {
    const { port, address, keyFile, onFailed } = this.#options;
    this.#datagrams = await openDatagrams({ port, address, keyFile, onFailed, onText: this.#take });
    this.#beat();
  }

  /** Takes in what the cluster says now. */
  observe(world: ElectionInput, neighbourhood: Neighborhood): void {
    this.#neighbourhood = neighbourhood;
    const { node, claims } = this.#options;
    this.#keeper ??= new HolderElector({ node, incarnation: this.#incarnation }, performance.now(), claims);
    this.#keeper.observe(world);
    this.#decideSoon();
  }

  /** Somebody answered for an address on the wire. */
  heardOnWire(address: string, mac: string): void {
    this.#keeper?.heardOnWire(address, mac, performance.now());
    if (this.#keeper?.hasUrgentWork) this.#decideSoon();
  }

  /** What this node should know of its claims after a restart. */
  get toRemember(): readonly Claim[] {
    return this.#keeper?.toRemember ?? this.#options.claims;
  }

  /** Decides at once: when this returns, nothing is held that was decided on before a sleep. */
  decideNow(): void {
    this.#beat();
  }

  /** The links that a peer told last; undefined before it told any. */
  linksOf(node: string): readonly PeerLink[] | undefined {
    return this.#links.of(node);
  }

  /** The node of the cluster that has a link with this hardware address. */
  nodeOf(mac: string): string | undefined {
    return this.#links.nodeOf(mac);
  }

  /** Is it this node's turn to report on a VIP that nobody holds? */
  isReporter(address: Ip): boolean {
    return this.#keeper?.isReporter(address) === true;
  }

  /** The nodes that live, this one included; none before it has heard the others out. */
  get living(): readonly string[] {
    return this.#keeper?.living ?? [];
  }

  /** Which nodes are there, and which are dead beyond doubt; the same object as before if nothing has changed. */
  get roll(): NodeMembership {
    return this.#roll;
  }

  /** How each of the other speakers is, as this one hears it. */
  get peers(): readonly PeerStatus[] {
    return this.#keeper === undefined ? [] : peersOf(this.#keeper, performance.now());
  }

  /** How often each peer was taken for dead, and what became of the datagrams. */
  get counts() {
    return { silences: this.#livenessLog.silences, datagrams: { ...this.#datagrams?.counters, ...this.#receptions } };
  }

  /** Tells a peer what was found out about VIPs that it holds. */
  report(node: string, found: Pick<ProbeReport, 'results' | 'roundMs'>): void {
    for (const part of this.#keeper?.outbox.reportsFor(node, found) ?? []) this.#send(node, part);
  }

  /** The links of this node that nothing comes through, although they have a signal. */
  get deafLinks(): ReadonlySet<string> {
    return this.#deaf;
  }

  /** Tells the peers that this speaker will be back in a moment, so that nothing moves. */
  sayRestarting(): void {
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    keeper.announceState('Restarting');
    keeper.tick(performance.now());
    this.#sendBeats(keeper, keeper.others);
  }

  /** Ends the beats. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#soon) clearImmediate(this.#soon);
    this.#datagrams?.close();
    this.#options.log.info(this.counts.datagrams, 'liveness datagrams');
  }

  #take = (text: string, from: string): void => {
    const message = decodeMessage(text);
    if (message === undefined) {
      this.#receptions.Unreadable++;
      return;
    }
    const path = this.#neighbourhood.linkTo(from) ?? 'routed';
    const now = performance.now();
    const reception = this.#keeper?.receive(message, path, now) ?? 'OtherAddressee';
    this.#receptions[reception]++;
    if (reception === 'Taken' && message.kind === 'Heartbeat') this.#noteLinks(message);
    if (reception === 'Taken' && message.kind === 'ProbeReport') this.#options.onProbed(message);
    if (this.#keeper?.hasUrgentWork) this.#decideSoon();
  };

  #noteLinks(beat: Heartbeat): void {
    if (this.#links.take(beat)) this.#options.onPeerLinks();
    if (beat.wantsClaims) this.#sendList(beat.from.node);
  }

  #beat = (): void => {
    if (!this.#closed) this.#decide();
  };

  #sendBeats(keeper: HolderElector, nodes: readonly string[]): void {
    const now = performance.now();
    const ages = { loop: Math.round(now - this.#turnedAt), worker: Math.round(this.#options.workerAgeMs()) };
    for (const node of nodes) this.#send(node, keeper.heartbeatFor(node, now, ages));
  }

  #sendList(node: string): void {
    const now = performance.now();
    if (now - (this.#listedAt.get(node) ?? Number.NEGATIVE_INFINITY) < listPauseMs) return;
    this.#listedAt.set(node, now);
    for (const part of this.#keeper?.fullSync(node) ?? []) this.#send(node, part);
  }

  #send(node: string, message: Message): void {
    const known = this.#neighbourhood.addresses.get(node) ?? [];
    const isSilent = performance.now() - (this.#keeper?.peers.lastHeardByUs(node) ?? 0) >= times.suspect;
    const onLinks = this.#links.addressesOf(node, isSilent);
    // A link-local address says nothing without the link.
    const isReachable = (address: string) => !isLinkLocal(address) && this.#neighbourhood.linkTo(address) !== undefined;
    const reachable = onLinks.filter(isReachable);
    this.#datagrams?.send(encodeMessage(message), [...new Set([...known, ...reachable])]);
  }

  /** Datagrams that come together are decided together. */
  #decideSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.#decide();
    });
  }

  #decide(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#beat, times.heartbeat);
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    const now = performance.now();
    const { decisions, asks, probes, deaf, hasDelta: news, heartbeats: beats, reassert, again } = keeper.tick(now);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#beat, Math.max(1, again - now));
    this.#turnedAt = now;
    if (news) for (const part of keeper.takeDeltas()) for (const node of keeper.others) this.#send(node, part(node));
    this.#sendBeats(keeper, beats);
    if (decisions !== this.#decisions) {
      this.#decisions = decisions;
      this.#options.onDecisions(decisions);
    }
    if (deaf !== this.#deaf && deaf.size + this.#deaf.size > 0) {
      this.#deaf = deaf;
      this.#options.log.warn({ links: [...deaf] }, 'links that nothing comes through');
      this.#options.onPeerLinks();
    }
    // Who hears the others out knows nothing yet: what it knew before is the best there is.
    const membership = { present: keeper.present ?? this.#roll.present, lost: keeper.lost };
    if (JSON.stringify(membership) !== JSON.stringify(this.#roll)) {
      this.#roll = membership;
      this.#options.onMembership();
    }
    if (asks.length + probes.length > 0) this.#options.askWire([...asks, ...probes].map(({ address }) => address));
    if (reassert.length > 0) this.#options.reassert(reassert);
    // By the same moment as the turn: what was judged for that is not judged again.
    this.#livenessLog.note(peersOf(keeper, now));
  }
}

function peersOf({ others, peers }: HolderElector, now: number): readonly PeerStatus[] {
  return others.map((node) => {
    const liveness = peers.livenessOf(node, now);
    if (peers.get(node) === undefined) return { node, liveness, reason: 'LivenessBlocked' };
    return { node, liveness, silentMs: Math.max(0, Math.round(now - peers.lastHeard(node, now))) };
  });
}
