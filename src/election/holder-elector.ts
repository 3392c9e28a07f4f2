/**
 * Keeps one speaker's claims: takes in what it hears, decides who holds what, says what it tells the others and what it asks the wire.
 * Pure: the time is an argument, in milliseconds on a clock that never goes back. The speaker runs it with real sockets, the simulation
 * with virtual ones.
 */
import type { Ip } from '../addr/ip.ts';
import { RendezvousRanking } from '../hash/rendezvous.ts';
import type { PeerStates } from '../liveness/failure-detector.ts';
import { HeartbeatSchedule } from '../liveness/heartbeat-schedule.ts';
import {
  type Claim,
  type ClaimDelta,
  type Heartbeat,
  type Incarnation,
  type Message,
  type PeerLink,
  ruleVersion,
  type SpeakerState,
  times,
} from '../liveness/messages.ts';
import { Outbox } from '../liveness/outbox.ts';
import { Peers, type Reception } from '../liveness/peers.ts';
import { candidateOf, livingIn, lostIn, ownCandidate, presentIn } from './candidates.ts';
import { DecisionCache } from './decision-cache.ts';
import { formerOf, isAllKnown } from './former-claims.ts';
import { HolderProbes } from './holder-probes.ts';
import { LinkProbes, type Probe } from './link-probes.ts';
import { Listening } from './listening.ts';
import { probeTargetsOf } from './probe-targets.ts';
import { type Candidate, gainingOf, type HolderDecision, type HolderView, type Vip } from './view.ts';

/** What the cluster's objects and the kernel say. */
export interface ElectionInput {
  readonly vips: readonly Vip[];
  /** The nodes that run a speaker, this one included, and whether people want them to give their VIPs away. */
  readonly nodes: ReadonlyMap<string, { readonly draining: boolean }>;
  /** This node's links. */
  readonly links: readonly PeerLink[];
}

/** What a tick calls for. */
export interface Effects {
  /** The same list as before if nothing has changed. */
  readonly decisions: readonly HolderDecision[];
  /** Addresses to ask for on the wire now. */
  readonly holderProbes: readonly Vip[];
  /** Tell the peers at once: {@link HolderElector.takeDeltas}, to each of {@link HolderElector.others}. */
  readonly hasDelta: boolean;
  /** The peers that get a beat now. */
  readonly heartbeats: readonly string[];
  /** VIPs that are held here and that somebody else claimed in vain: neighbours may have heard the other one last. */
  readonly reassert: readonly Vip[];
  /** Addresses of peers to ask for on a link now, to see whether anything comes through it. */
  readonly linkProbes: readonly Probe[];
  /** Links of this node that nothing comes through: no VIP is to be served there. The same set as before if nothing has changed. */
  readonly noInboundTraffic: ReadonlySet<string>;
  /** When the next tick is wanted, if nothing comes before: within a beat at the latest. */
  readonly again: number;
}

/** So long somebody else must answer for a VIP before a node that hears nobody gives it up, unless it claimed it alone. */
const yieldMs = 500;
/** When it is believed of a VIP that nobody answers for it. */
const vipProof = { probes: 3, forMs: 150 } as const;

/** The keeper of one speaker. */
export class HolderElector {
  readonly peers: Peers;
  readonly outbox: Outbox;
  readonly #self: string;
  readonly #schedule: HeartbeatSchedule;
  readonly #holderProbes = new HolderProbes();
  readonly #linkProbes = new LinkProbes();
  readonly #ranking = new RendezvousRanking();
  readonly #decisions: DecisionCache;
  readonly #listening: Listening;
  readonly #remembered: ReadonlyMap<string, Claim>;
  readonly #answeredSince = new Map<string, number>();
  #input: ElectionInput | undefined;
  #view: HolderView | undefined;
  #others: readonly string[] = [];
  #state: Exclude<SpeakerState, 'Listening'> = 'Serving';
  #ages: Heartbeat['ages'] = { loop: 0, worker: 0 };
  #sentState: SpeakerState = 'Listening';
  #sentLinks: readonly PeerLink[] = [];

  /** `own` are the claims from before a restart, which count only where nobody claims anything. */
  constructor(self: Incarnation, now: number, own: readonly Claim[] = []) {
    this.peers = new Peers(self);
    this.#self = self.node;
    this.outbox = new Outbox(this.peers);
    this.#schedule = new HeartbeatSchedule(this.peers, (nodes) => this.#ranking.order(self.node, nodes));
    this.#decisions = new DecisionCache(this.peers.claims, self.node);
    this.#listening = new Listening(now);
    this.#remembered = new Map(own.map((claim) => [claim.uid, claim]));
  }

  /** The claims of this node. */
  get claims(): ReadonlyMap<string, Claim> {
    return this.peers.claims.of(this.#self);
  }

  /** What it should know after a restart: its claims, and those from before the last one that nobody has made since. */
  get toRemember(): readonly Claim[] {
    const open = [...this.#remembered.values()].filter(({ uid }) => this.peers.claims.to(uid).size === 0);
    return [...this.claims.values(), ...open];
  }

  /** What is decided, as of the last tick. */
  get decisions(): readonly HolderDecision[] {
    return this.#decisions.all;
  }

  /** The other nodes to talk to, as of the last tick: those of the world, and those that are heard without being there. */
  get others(): readonly string[] {
    return this.#others;
  }

  /** Something has come that is worth a tick before the next beat. */
  get hasUrgentWork(): boolean {
    return this.peers.hasUrgentWork || this.#decisions.isDirty;
  }

  /** Takes in what the cluster says now. */
  observe(input: ElectionInput): void {
    const before = this.#input;
    if (before && input.links.some(({ name }) => !before.links.some((link) => link.name === name))) {
      this.#listening.linkCameBack();
    }
    this.#input = input;
    this.#decisions.observe(input.vips);
  }

  /** Says that this speaker restarts, or gives its VIPs away. */
  announceState(state: 'Serving' | 'Restarting' | 'Draining'): void {
    this.#state = state;
  }

  /** Takes in a datagram that came on a path. */
  receive(message: Message, path: string, now: number): Reception {
    return this.peers.receive(message, path, now);
  }

  /** Somebody with this hardware address answered for an address. */
  heardOnWire(address: string, mac: string, now: number): void {
    this.#linkProbes.answered(address, this.#input?.links ?? [], now);
    const uid = this.#decisions.uidOf(address);
    const own = uid === undefined ? undefined : this.claims.get(uid);
    // Most of what is heard is of no interest here: another node tells its neighbours of VIPs that it holds.
    if (uid === undefined || (own === undefined && !this.#holderProbes.isProbed(uid))) return;
    const node = this.#nodeOf(mac);
    this.#holderProbes.answered(address, node, now);
    this.#decisions.touch(uid);
    if (node === undefined || own === undefined || !this.#view?.isolated) return;
    // Who hears nobody gives way to a node that it knows; at once, if it has claimed the VIP alone.
    const since = this.#answeredSince.get(uid) ?? now;
    this.#answeredSince.set(uid, since);
    if (own.isolated || now - since >= yieldMs) this.peers.claims.drop(this.#self, uid);
  }

  /** The nodes that live, this one included; none before it has heard the others out. */
  get living(): readonly string[] {
    return livingIn(this.#view);
  }

  /** The nodes that live, or are back in a moment; undefined before it has heard the others out. */
  get present(): readonly string[] | undefined {
    return presentIn(this.#view);
  }

  /** The nodes that are dead beyond doubt: silent to everybody, on the wire too. */
  get lost(): readonly string[] {
    return lostIn(this.#view);
  }

  /** Of all nodes that live, is this the one to report on a VIP that nobody holds? */
  isReporter(address: Ip): boolean {
    return this.#ranking.first(address, this.living, () => true) === this.#self;
  }

  /** Is it hearing the others out before it answers for anything? */
  isListening(now: number): boolean {
    if (this.#input === undefined) return true;
    const others = [...this.#input.nodes.keys()].filter((node) => node !== this.#self);
    return this.#listening.goesOn(now, others, (node) => {
      const peer = this.peers.get(node);
      return peer !== undefined && this.peers.isComplete(peer);
    });
  }

  /** Decides anew what has changed. To be called when it asks for it, and after whatever stirs it. */
  tick(now: number): Effects {
    // Nothing that was heard before is true any more.
    if (this.#listening.beginsAgain(now, this.#view?.isolated === true)) this.peers.forgetHeartbeats();
    this.peers.takeUrgentWork();
    const review = this.peers.review(now);
    this.#updateOthers(review);
    const listening = this.isListening(now);
    const state = this.#state === 'Serving' && listening ? 'Listening' : this.#state;
    const linkProbes = this.#linkProbes.review(this.#input?.links ?? [], [...this.peers.all()], now);
    const links = this.#links;
    if (state !== this.#sentState || !isSameLinks(links, this.#sentLinks)) this.#schedule.sendSoonToAll(now);
    this.#sentState = state;
    this.#sentLinks = links;
    const view = this.#viewOf(review, { now, listening });
    this.#view = view;
    if (!view.isolated) this.#answeredSince.clear();
    const { reassert } = this.#decisions.decide(view);
    const holderProbes = this.#holderProbes.due(probeTargetsOf(this.#decisions, view, review), now);
    const changes = [...review.of.values()].map(({ changesAt }) => changesAt ?? Number.POSITIVE_INFINITY);
    const wireAt = Math.min(this.#holderProbes.nextAt() ?? now + times.heartbeat, this.#linkProbes.nextAt);
    return {
      decisions: this.#decisions.all,
      holderProbes,
      hasDelta: this.outbox.hasDelta,
      heartbeats: this.#schedule.due(this.#others, review, now),
      reassert,
      linkProbes,
      noInboundTraffic: this.#linkProbes.noInboundTraffic,
      again: Math.min(now + times.heartbeat, wireAt, ...changes.filter((at) => at > now)),
    };
  }

  /** What is said to a peer that gets a beat. */
  heartbeatFor(node: string, now: number, ages: Heartbeat['ages']): Heartbeat {
    this.#ages = ages;
    const nextMs = this.#schedule.promiseTo(node);
    const state = this.#state === 'Serving' ? this.#sentState : this.#state;
    return this.outbox.heartbeatFor(node, { now, state, rules: ruleVersion, ages, links: this.#links, nextMs });
  }

  /** What has changed since the peers were told last: one list for all of them, each with its own envelope. */
  takeDeltas(): readonly ((node: string) => ClaimDelta)[] {
    return this.outbox.takeDeltas();
  }

  /** All claims, for a peer that asks for them. */
  fullSync(node: string): readonly ClaimDelta[] {
    return this.outbox.fullSync(node);
  }

  get #links(): readonly PeerLink[] {
    const { noInboundTraffic } = this.#linkProbes;
    const all = this.#input?.links ?? [];
    return noInboundTraffic.size === 0 ? all : all.filter(({ name }) => !noInboundTraffic.has(name));
  }

  /** Whom there is to talk to. A node that is heard is not forgotten because its object is gone. */
  #updateOthers(review: PeerStates): void {
    const nodes = this.#input?.nodes ?? new Map<string, unknown>();
    const isHeard = (node: string) => ['Alive', 'Restarting'].includes(review.of.get(node)?.liveness ?? '');
    if (this.#input && !this.#decisions.isSettled) this.peers.keepOnly((node) => nodes.has(node) || isHeard(node));
    const extra = [...this.peers.all()].map(({ node }) => node).filter((node) => !nodes.has(node) && isHeard(node));
    this.#others = [...nodes.keys(), ...extra].filter((node) => node !== this.#self);
  }

  #viewOf(review: PeerStates, { now, listening }: { readonly now: number; readonly listening: boolean }): HolderView {
    const isolated = this.#others.length > 0 && this.peers.isIsolated(now);
    const nodes = new Map<string, Candidate>();
    const draining = (node: string) => this.#input?.nodes.get(node)?.draining;
    const own = { ages: this.#ages, listening, draining: draining(this.#self) === true };
    nodes.set(this.#self, ownCandidate(this.#state, own));
    const known = { peers: this.peers, wire: this.#holderProbes, review, now, isolated };
    for (const node of this.#others) nodes.set(node, candidateOf(node, draining(node), known));
    return {
      self: this.#self,
      now,
      ranking: this.#ranking,
      vips: [],
      total: this.#input?.vips.length ?? 0,
      loads: () => new Map(),
      nodes,
      gaining: gainingOf(nodes),
      claimsTo: (uid) => this.peers.claims.to(uid),
      formerOf: (uid) => formerOf(uid, { peers: this.peers, own: { node: this.#self, claims: this.#remembered }, now }),
      termOf: (uid) => this.peers.claims.termOf(uid),
      listening,
      isolated,
      complete: isAllKnown(this.peers, review, now),
      wire: (uid) => {
        if (this.#holderProbes.isUnanswered(uid, { now, ...vipProof })) return 'Unanswered';
        return this.#holderProbes.isAnswered(uid) ? 'Answered' : undefined;
      },
      waiting: this.#decisions.waiting,
      damped: (uid) => this.#decisions.isDamped(uid, now),
    };
  }

  #nodeOf(mac: string): string | undefined {
    for (const { node, heartbeat } of this.peers.all())
      if (heartbeat?.links.some((link) => link.mac === mac)) return node;
    return undefined;
  }
}

function isSameLinks(a: readonly PeerLink[], b: readonly PeerLink[]): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
