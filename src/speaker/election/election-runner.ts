/**
 * Runs the elector: sends heartbeats to the peers, sends claims as soon as they change, and decides after every event that matters. Needs no
 * API server. Clock, network and wire are ports, so the simulation runs this same class.
 */
import type { Ip } from '../../addr/ip.ts';
import type { PeerStatus } from '../../api/speaker-status.ts';
import { type ElectionInput, HolderElector } from '../../election/holder-elector.ts';
import type { WireClaim } from '../../election/link-probes.ts';
import type { HolderDecision, Vip } from '../../election/view.ts';
import { type Claim, type Message, type PeerLink, type ProbeReport, times } from '../../liveness/messages.ts';
import type { Reception } from '../../liveness/peers.ts';
import type { Cancel, Clock } from '../../runtime/clock.ts';
import { Emitter } from '../../runtime/emitter.ts';
import { ClaimSender } from './claim-sender.ts';
import { sendProbes, type WireProbe } from './wire-probes.ts';

/** The ports by which the runner uses clock, network and wire. */
interface RunnerPorts {
  readonly clock: Clock;
  /** Sends a message to a node; `onLinks` are the addresses that the node has on its links, as it reported them. */
  readonly send: (node: string, message: Message, onLinks: readonly string[]) => void;
  /** Probes which host has each address, on these links of this node. Returns the probes that could not be sent on any of them. */
  readonly probe: (probes: readonly WireProbe[]) => readonly WireProbe[];
}

/** The parts that the runner works with. */
interface ElectionRunnerOptions {
  readonly node: string;
  /** Distinguishes this run of the speaker from earlier ones: 16 hexadecimal digits. */
  readonly incarnation: string;
  /** The claims of this node before its restart. */
  readonly claims: readonly Claim[];
  /** Milliseconds since the last heartbeat of the packet worker. */
  readonly workerAgeMs: () => number;
  readonly ports: RunnerPorts;
}

/** The nodes, as the speakers see them. */
interface NodeMembership {
  /** Nodes that are alive or restarting: their kernels serve meanwhile. */
  readonly present: readonly string[];
  /** Nodes that are certainly dead. */
  readonly lost: readonly string[];
}

/** Makes the {@link ElectionRunnerOptions.incarnation} of one run of a speaker. */
export function newIncarnation(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 16);
}

/** The announcement of a restart is sent this often, with a pause in between. */
const farewells = 3;
const farewellPauseMs = 5;

/** Drives the elector. */
export class ElectionRunner {
  /** {@link decisions} has changed. */
  readonly decided = new Emitter();
  /** Neighbors may have heard another node last: these VIPs must be announced again. */
  readonly reasserted = new Emitter<[vips: readonly Vip[]]>();
  /** The links of a peer, or {@link noInboundTraffic}, have changed. */
  readonly linksChanged = new Emitter();
  /** {@link membership} has changed. */
  readonly membershipChanged = new Emitter();
  /** A peer reports the results of its probes for VIPs that this node holds. */
  readonly probed = new Emitter<[report: ProbeReport]>();
  /** The elector has decided, at this time of the runner's clock. */
  readonly ticked = new Emitter<[now: number]>();
  readonly #options: ElectionRunnerOptions;
  /** undefined before the cluster is known: there is no peer to listen to, and nothing to decide. */
  #elector: HolderElector | undefined;
  #next: Cancel | undefined;
  #soon: Cancel | undefined;
  #claims: ClaimSender | undefined;
  #closed = false;
  #decisions: readonly HolderDecision[] = [];
  #noInboundTraffic: ReadonlySet<string> = new Set();
  #tickedAt: number;
  #membership: NodeMembership = { present: [], lost: [] };
  readonly #receptions: Record<Reception, number> = { Taken: 0, OtherAddressee: 0, Replayed: 0 };

  constructor(options: ElectionRunnerOptions) {
    this.#options = options;
    this.#tickedAt = this.#now;
  }

  /** Sets the state of the cluster. The first call starts the heartbeats. */
  observe(input: ElectionInput): void {
    const { node, incarnation, claims } = this.#options;
    this.#elector ??= new HolderElector({ node, incarnation }, this.#now, claims);
    const { clock } = this.#options.ports;
    this.#claims ??= new ClaimSender({ outbox: this.#elector.outbox, clock, send: this.#send });
    this.#elector.observe(input);
    this.#decideSoon();
  }

  /** Handles a message that arrived on a path. */
  receive = (message: Message, path: string): void => {
    const reception = this.#elector?.receive(message, path, this.#now) ?? 'OtherAddressee';
    this.#receptions[reception]++;
    if (this.#elector?.peers.takeLinkChange()) this.linksChanged.emit();
    if (reception === 'Taken' && message.kind === 'Heartbeat' && message.wantsClaims)
      this.#claims?.sync(message.from.node);
    if (reception === 'Taken' && message.kind === 'ProbeReport') this.probed.emit(message);
    if (this.#elector?.hasUrgentWork) this.#decideSoon();
  };

  /** A host answered for an address on the wire. `isProxy` is called if it may be a node that was never heard. */
  heardOnWire = (claim: WireClaim, isProxy?: () => boolean): void => {
    this.#elector?.heardOnWire(claim, this.#now, isProxy);
    if (this.#elector?.hasUrgentWork) this.#decideSoon();
  };

  /** Decides at once: when this returns, no decision from before a pause of the process is in effect. */
  decideNow = (): void => {
    if (!this.#closed) this.#decide();
  };

  /** The decisions; the same list as before if nothing has changed. */
  get decisions(): readonly HolderDecision[] {
    return this.#decisions;
  }

  /** The claims that this node must know after a restart. */
  get toRemember(): readonly Claim[] {
    return this.#elector?.toRemember ?? this.#options.claims;
  }

  /** The links that a peer reported last; undefined before its first report. */
  linksOf(node: string): readonly PeerLink[] | undefined {
    return this.#elector?.peers.links.of(node);
  }

  /** The node of the cluster that has a link with this hardware address. */
  nodeOf(mac: string): string | undefined {
    return this.#elector?.peers.links.nodeOf(mac);
  }

  /** Whether this node must report on a VIP that no node holds. */
  isReporter(address: Ip): boolean {
    return this.#elector?.isReporter(address) === true;
  }

  /** The nodes that are alive, this one included; empty while this node still listens. */
  get living(): readonly string[] {
    return this.#elector?.living ?? [];
  }

  /** The nodes that are present, and those that are certainly dead; the same object as before if nothing has changed. */
  get membership(): NodeMembership {
    return this.#membership;
  }

  /** The liveness of each peer, as this speaker hears it. */
  get peers(): readonly PeerStatus[] {
    return this.peersAt(this.#now);
  }

  /** The same, at a time of the runner's clock. */
  peersAt(now: number): readonly PeerStatus[] {
    return this.#elector === undefined ? [] : peersOf(this.#elector, now);
  }

  /** The number of messages that arrived, by outcome. */
  get receptions(): Readonly<Record<Reception, number>> {
    return this.#receptions;
  }

  /** The links of this node that have carrier, but no inbound traffic. */
  get noInboundTraffic(): ReadonlySet<string> {
    return this.#noInboundTraffic;
  }

  /** Reports to a peer the results of probes for VIPs that it holds. */
  report(node: string, found: Pick<ProbeReport, 'results' | 'roundMs'>): void {
    for (const part of this.#elector?.outbox.reportsFor(node, found) ?? []) this.#send(node, part);
  }

  /**
   * Announces to the peers that this speaker restarts, so that no VIP moves. A datagram may be lost, so that it is sent again; resolves when
   * the last one is sent.
   */
  async announceRestart(): Promise<void> {
    const elector = this.#elector;
    if (elector === undefined) return;
    elector.announceState('Restarting');
    elector.tick(this.#now);
    const { clock } = this.#options.ports;
    const { promise, resolve } = Promise.withResolvers<void>();
    const announce = (left: number) => {
      if (!this.#closed) this.#sendHeartbeats(elector, elector.others);
      if (left === 0 || this.#closed) resolve();
      else clock.after(farewellPauseMs, () => announce(left - 1));
    };
    announce(farewells - 1);
    await promise;
  }

  /** Ends the heartbeats. */
  close(): void {
    this.#closed = true;
    this.#next?.();
    this.#soon?.();
    this.#claims?.close();
  }

  get #now(): number {
    return this.#options.ports.clock.now();
  }

  #sendHeartbeats(elector: HolderElector, nodes: readonly string[]): void {
    const now = this.#now;
    const ages = { loop: Math.round(now - this.#tickedAt), worker: Math.round(this.#options.workerAgeMs()) };
    for (const node of nodes) this.#send(node, elector.heartbeatFor(node, now, ages));
  }

  #send = (node: string, message: Message): void => {
    const isSilent = this.#now - (this.#elector?.peers.lastHeardByUs(node) ?? 0) >= times.suspect;
    this.#options.ports.send(node, message, this.#elector?.peers.links.addressesOf(node, isSilent) ?? []);
  };

  /** Datagrams that arrive together lead to one decision. */
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
    if (elector === undefined) return;
    const now = this.#now;
    const effects = elector.tick(now);
    this.#decideIn(Math.max(1, effects.again - now));
    this.#tickedAt = now;
    if (effects.hasClaims) this.#claims?.begin();
    this.#sendHeartbeats(elector, effects.heartbeats);
    this.#noteDecisions(effects.decisions);
    this.#noteNoInboundTraffic(effects.noInboundTraffic);
    this.#noteMembership(elector);
    sendProbes(elector, effects, { node: this.#options.node, probe: this.#options.ports.probe });
    if (effects.reassert.length > 0) this.reasserted.emit(effects.reassert);
    // With the time of the tick: the liveness at that time is known, and is not computed again.
    this.ticked.emit(now);
  }

  #noteDecisions(decisions: readonly HolderDecision[]): void {
    if (decisions === this.#decisions) return;
    this.#decisions = decisions;
    this.decided.emit();
  }

  #noteNoInboundTraffic(links: ReadonlySet<string>): void {
    if (links === this.#noInboundTraffic || links.size + this.#noInboundTraffic.size === 0) return;
    this.#noInboundTraffic = links;
    this.linksChanged.emit();
  }

  /** A speaker that still listens does not know the present nodes: the former list stays. */
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
