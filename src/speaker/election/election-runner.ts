/**
 * Runs the elector: heartbeats to the peers, claims at once when they change, and a decision after whatever matters. Needs no API server.
 * Clock, network and wire are ports, so the simulation runs this very class.
 */
import type { Ip } from '../../addr/ip.ts';
import type { PeerStatus } from '../../api/speaker-status.ts';
import { type ElectionInput, HolderElector } from '../../election/holder-elector.ts';
import type { HolderDecision, Vip } from '../../election/view.ts';
import {
  type Claim,
  type Heartbeat,
  type Message,
  type PeerLink,
  type ProbeReport,
  times,
} from '../../liveness/messages.ts';
import { PeerLinks } from '../../liveness/peer-links.ts';
import type { Reception } from '../../liveness/peers.ts';
import type { Cancel, Clock } from '../../runtime/clock.ts';
import { Emitter } from '../../runtime/emitter.ts';

/** What the runner reaches the world by. */
export interface RunnerPorts {
  readonly clock: Clock;
  /** Sends a message to a node; `onLinks` are the addresses that the node has on its links, as it told them. */
  readonly send: (node: string, message: Message, onLinks: readonly string[]) => void;
  /** Asks on the wire which hosts have these addresses. */
  readonly probe: (addresses: readonly Ip[]) => void;
}

/** What the runner works with. */
export interface ElectionRunnerOptions {
  readonly node: string;
  /** Tells this run of the speaker from earlier ones: 16 hexadecimal digits. */
  readonly incarnation: string;
  /** What this node claimed before its restart. */
  readonly claims: readonly Claim[];
  /** Milliseconds since the packet worker turned. */
  readonly workerAgeMs: () => number;
  readonly ports: RunnerPorts;
}

/** The nodes, as the speakers see them. */
export interface NodeMembership {
  /** They live, or are back in a moment: their kernels serve meanwhile. */
  readonly present: readonly string[];
  readonly lost: readonly string[];
}

/** A name for one run of a speaker, as {@link ElectionRunnerOptions.incarnation} wants it. */
export function newIncarnation(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 16);
}

/** A peer's list of claims is sent to it at most every so many milliseconds. */
const fullSyncPauseMs = 200;

/** The elector with what drives it. */
export class ElectionRunner {
  /** {@link decisions} is another list. */
  readonly decided = new Emitter();
  /** Neighbors may have heard another node last: they need to hear of these VIPs again. */
  readonly reasserted = new Emitter<[vips: readonly Vip[]]>();
  /** A peer's links, or those of this node that are deaf, have changed. */
  readonly linksChanged = new Emitter();
  /** {@link membership} has changed. */
  readonly membershipChanged = new Emitter();
  /** A peer reports what its probes of VIPs that this node holds found. */
  readonly probed = new Emitter<[report: ProbeReport]>();
  /** It has decided, at this time of its clock. */
  readonly ticked = new Emitter<[now: number]>();
  readonly #options: ElectionRunnerOptions;
  /** Before the cluster is known there is nobody to listen to, and nothing to decide. */
  #elector: HolderElector | undefined;
  #next: Cancel | undefined;
  #soon: Cancel | undefined;
  #closed = false;
  #decisions: readonly HolderDecision[] = [];
  #deafLinks: ReadonlySet<string> = new Set();
  #tickedAt: number;
  #membership: NodeMembership = { present: [], lost: [] };
  readonly #receptions: Record<Reception, number> = { Taken: 0, OtherAddressee: 0, Replayed: 0 };
  readonly #syncedAt = new Map<string, number>();
  readonly #links = new PeerLinks();

  constructor(options: ElectionRunnerOptions) {
    this.#options = options;
    this.#tickedAt = this.#now;
  }

  /** Begins to send heartbeats. */
  start(): void {
    this.decideNow();
  }

  /** Takes in what the cluster says now. */
  observe(input: ElectionInput): void {
    const { node, incarnation, claims } = this.#options;
    this.#elector ??= new HolderElector({ node, incarnation }, this.#now, claims);
    this.#elector.observe(input);
    this.#decideSoon();
  }

  /** Takes in a message that came on a path. */
  receive = (message: Message, path: string): void => {
    const reception = this.#elector?.receive(message, path, this.#now) ?? 'OtherAddressee';
    this.#receptions[reception]++;
    if (reception === 'Taken' && message.kind === 'Heartbeat') this.#noteLinks(message);
    if (reception === 'Taken' && message.kind === 'ProbeReport') this.probed.emit(message);
    if (this.#elector?.hasUrgentWork) this.#decideSoon();
  };

  /** A host with this hardware address answered for an address on the wire. */
  heardOnWire = (address: string, mac: string): void => {
    this.#elector?.heardOnWire(address, mac, this.#now);
    if (this.#elector?.hasUrgentWork) this.#decideSoon();
  };

  /** Decides at once: when this returns, nothing is held that was decided on before a sleep. */
  decideNow = (): void => {
    if (!this.#closed) this.#decide();
  };

  /** What is decided; the same list as before if nothing has changed. */
  get decisions(): readonly HolderDecision[] {
    return this.#decisions;
  }

  /** What this node should know of its claims after a restart. */
  get toRemember(): readonly Claim[] {
    return this.#elector?.toRemember ?? this.#options.claims;
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
    return this.#elector?.isReporter(address) === true;
  }

  /** The nodes that live, this one included; none before it has heard the others out. */
  get living(): readonly string[] {
    return this.#elector?.living ?? [];
  }

  /** Which nodes are there, and which are dead beyond doubt; the same object as before if nothing has changed. */
  get membership(): NodeMembership {
    return this.#membership;
  }

  /** How each of the other speakers is, as this one hears it. */
  get peers(): readonly PeerStatus[] {
    return this.peersAt(this.#now);
  }

  /** The same at a time of the runner's clock. */
  peersAt(now: number): readonly PeerStatus[] {
    return this.#elector === undefined ? [] : peersOf(this.#elector, now);
  }

  /** What became of the messages that came. */
  get receptions(): Readonly<Record<Reception, number>> {
    return this.#receptions;
  }

  /** The links of this node that nothing comes through, although they have a signal. */
  get deafLinks(): ReadonlySet<string> {
    return this.#deafLinks;
  }

  /** Reports to a peer what probes of VIPs that it holds found. */
  report(node: string, found: Pick<ProbeReport, 'results' | 'roundMs'>): void {
    for (const part of this.#elector?.outbox.reportsFor(node, found) ?? []) this.#send(node, part);
  }

  /** Tells the peers that this speaker will be back in a moment, so that nothing moves. */
  announceRestart(): void {
    const elector = this.#elector;
    if (elector === undefined) return;
    elector.announceState('Restarting');
    elector.tick(this.#now);
    this.#sendHeartbeats(elector, elector.others);
  }

  /** Ends the heartbeats. */
  close(): void {
    this.#closed = true;
    this.#next?.();
    this.#soon?.();
  }

  get #now(): number {
    return this.#options.ports.clock.now();
  }

  #noteLinks(heartbeat: Heartbeat): void {
    if (this.#links.take(heartbeat)) this.linksChanged.emit();
    if (heartbeat.wantsClaims) this.#sendFullSync(heartbeat.from.node);
  }

  #sendHeartbeats(elector: HolderElector, nodes: readonly string[]): void {
    const now = this.#now;
    const ages = { loop: Math.round(now - this.#tickedAt), worker: Math.round(this.#options.workerAgeMs()) };
    for (const node of nodes) this.#send(node, elector.heartbeatFor(node, now, ages));
  }

  #sendFullSync(node: string): void {
    const now = this.#now;
    if (now - (this.#syncedAt.get(node) ?? Number.NEGATIVE_INFINITY) < fullSyncPauseMs) return;
    this.#syncedAt.set(node, now);
    for (const part of this.#elector?.fullSync(node) ?? []) this.#send(node, part);
  }

  #send(node: string, message: Message): void {
    const isSilent = this.#now - (this.#elector?.peers.lastHeardByUs(node) ?? 0) >= times.suspect;
    this.#options.ports.send(node, message, this.#links.addressesOf(node, isSilent));
  }

  /** Datagrams that come together are decided together. */
  #decideSoon(): void {
    this.#soon ??= this.#options.ports.clock.soon(() => {
      this.#soon = undefined;
      this.decideNow();
    });
  }

  #decideIn(ms: number): void {
    this.#next?.();
    this.#next = this.#options.ports.clock.after(ms, this.decideNow);
  }

  #decide(): void {
    const elector = this.#elector;
    if (elector === undefined) {
      this.#decideIn(times.heartbeat);
      return;
    }
    const now = this.#now;
    const effects = elector.tick(now);
    this.#decideIn(Math.max(1, effects.again - now));
    this.#tickedAt = now;
    if (effects.hasDelta) this.#sendDeltas(elector);
    this.#sendHeartbeats(elector, effects.heartbeats);
    this.#noteDecisions(effects.decisions);
    this.#noteDeafLinks(effects.deaf);
    this.#noteMembership(elector);
    const probes = [...effects.asks, ...effects.probes].map(({ address }) => address);
    if (probes.length > 0) this.#options.ports.probe(probes);
    if (effects.reassert.length > 0) this.reasserted.emit(effects.reassert);
    // By the time of the tick: what was judged for that is not judged again.
    this.ticked.emit(now);
  }

  #sendDeltas(elector: HolderElector): void {
    for (const part of elector.takeDeltas()) for (const node of elector.others) this.#send(node, part(node));
  }

  #noteDecisions(decisions: readonly HolderDecision[]): void {
    if (decisions === this.#decisions) return;
    this.#decisions = decisions;
    this.decided.emit();
  }

  #noteDeafLinks(deaf: ReadonlySet<string>): void {
    if (deaf === this.#deafLinks || deaf.size + this.#deafLinks.size === 0) return;
    this.#deafLinks = deaf;
    this.linksChanged.emit();
  }

  /** A speaker that hears the others out knows nothing yet: what it knew before is the best there is. */
  #noteMembership({ present = this.#membership.present, lost }: HolderElector): void {
    const membership = { present, lost };
    if (isSameMembership(membership, this.#membership)) return;
    this.#membership = membership;
    this.membershipChanged.emit();
  }
}

function isSameMembership(a: NodeMembership, b: NodeMembership): boolean {
  return a.present.join(' ') === b.present.join(' ') && a.lost.join(' ') === b.lost.join(' ');
}

function peersOf({ others, peers }: HolderElector, now: number): readonly PeerStatus[] {
  return others.map((node) => {
    const liveness = peers.livenessOf(node, now);
    if (peers.get(node) === undefined) return { node, liveness, reason: 'LivenessBlocked' };
    return { node, liveness, silentMs: Math.max(0, Math.round(now - peers.lastHeard(node, now))) };
  });
}
