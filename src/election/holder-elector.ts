/**
 * The elector of one speaker: processes the datagrams of its peers, decides the holder of every VIP, and returns the
 * heartbeats, claims and probes to send. Pure: the time is an argument, in milliseconds on a monotonic clock. The
 * speaker runs it with real sockets, the simulation with virtual ones.
 */
import type { Ip } from '../addr/ip.ts';
import { RendezvousRanking } from '../hash/rendezvous.ts';
import type { PeerStates } from '../liveness/failure-detector.ts';
import { HeartbeatSchedule } from '../liveness/heartbeat-schedule.ts';
import {
  type Claim,
  type Heartbeat,
  type Incarnation,
  type Message,
  type PeerLink,
  ruleVersion,
  type SpeakerState,
  times,
} from '../liveness/messages.ts';
import { Outbox } from '../liveness/outbox.ts';
import { isSameLinks } from '../liveness/peer-links.ts';
import { Peers, type Reception } from '../liveness/peers.ts';
import { candidateOf, livingIn, lostIn, ownCandidate, presentIn } from './candidates.ts';
import { DecisionCache } from './decision-cache.ts';
import { formerOf, isAllKnown } from './former-claims.ts';
import { type DueProbe, HolderProbes } from './holder-probes.ts';
import { LinkProbes, type Probe, type WireClaim } from './link-probes.ts';
import { isAwaited, Listening } from './listening.ts';
import { callingNodes, otherNodes } from './other-nodes.ts';
import { probeTargetsOf } from './probe-targets.ts';
import { type Candidate, gainingOf, type HolderDecision, type HolderView, isMinority, type Vip } from './view.ts';
import { WireEvidence } from './wire-evidence.ts';

/** The facts from the cluster's objects and from the kernel. */
export interface ElectionInput {
  readonly vips: readonly Vip[];
  /** The nodes that run a speaker, this one included, and whether an administrator drains them. */
  readonly nodes: ReadonlyMap<string, { readonly draining: boolean }>;
  /** This node's links. */
  readonly links: readonly PeerLink[];
}

/** The effects of a tick. */
interface Effects {
  /** The same list as before if nothing has changed. */
  readonly decisions: readonly HolderDecision[];
  /** VIPs to probe on the wire now. */
  readonly holderProbes: readonly DueProbe[];
  /** Claims wait in the backlog of the {@link HolderElector.outbox}: begin to send them at once. */
  readonly hasClaims: boolean;
  /** The peers that get a heartbeat now. */
  readonly heartbeats: readonly string[];
  /** VIPs that this node holds and that another live node claims too: neighbors may have heard the other node last. */
  readonly reassert: readonly Vip[];
  /** Addresses of peers to probe on a link now, to find out whether it has inbound traffic. */
  readonly linkProbes: readonly Probe[];
  /** Links without inbound traffic: no VIP may be served there. The same set as before if nothing has changed. */
  readonly noInboundTraffic: ReadonlySet<string>;
  /** When the next tick is due if nothing comes before: after the interval of heartbeats at the latest. */
  readonly again: number;
}

/** The proof that no host answers for a VIP. */
const vipProof = { probes: 3, forMs: 150 } as const;

/** The elector of one speaker. */
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
  readonly #evidence: WireEvidence;
  #input: ElectionInput | undefined;
  #view: HolderView | undefined;
  #others: readonly string[] = [];
  #calling: readonly string[] = [];
  #state: Exclude<SpeakerState, 'Listening'> = 'Serving';
  #ages: Heartbeat['ages'] = { loop: 0, worker: 0 };
  #sentState: SpeakerState = 'Listening';
  #sentLinks: readonly PeerLink[] = [];

  /** `own` are the claims from before a restart. They count only for VIPs without any claim. */
  constructor(self: Incarnation, now: number, own: readonly Claim[] = []) {
    this.peers = new Peers(self);
    this.#self = self.node;
    this.outbox = new Outbox(this.peers);
    this.#schedule = new HeartbeatSchedule(this.peers, (nodes) => this.#ranking.order(self.node, nodes));
    this.#decisions = new DecisionCache(this.peers.claims, self.node);
    this.#listening = new Listening(now);
    this.#evidence = new WireEvidence(this.peers);
    this.#remembered = new Map(own.map((claim) => [claim.uid, claim]));
  }

  /** The claims of this node. */
  get claims(): ReadonlyMap<string, Claim> {
    return this.peers.claims.of(this.#self);
  }

  /** The claims to remember for a restart: the present ones, and older ones to VIPs that no node has claimed since. */
  get toRemember(): readonly Claim[] {
    const open = [...this.#remembered.values()].filter(({ uid }) => this.peers.claims.to(uid).size === 0);
    return [...this.claims.values(), ...open];
  }

  /** The decisions of the last tick. */
  get decisions(): readonly HolderDecision[] {
    return this.#decisions.all;
  }

  /** The other nodes to send to, as of the last tick: those of the input, and those heard without an object. */
  get others(): readonly string[] {
    return this.#others;
  }

  /** Does something that arrived require a tick at once? */
  get hasUrgentWork(): boolean {
    return this.peers.hasUrgentWork || this.#decisions.isDirty;
  }

  /** Replaces the facts of the cluster and the kernel. */
  observe(input: ElectionInput): void {
    const before = this.#input;
    const isNew = ({ name }: PeerLink) => before !== undefined && !before.links.some((link) => link.name === name);
    const known = { self: this.#self, vips: input.vips, peers: [...this.peers.all()] };
    if (input.links.some((link) => isNew(link) && isAwaited(link.name, known))) this.#listening.linkCameBack();
    this.#input = input;
    this.#decisions.observe(input.vips);
    if (before?.vips === input.vips) return;
    for (const uid of this.#evidence.observe(input.vips)) this.peers.claims.drop(this.#self, uid);
  }

  /** Sets the state that this speaker announces to its peers. */
  announceState(state: 'Serving' | 'Restarting' | 'Draining'): void {
    this.#state = state;
  }

  /** Processes a datagram that arrived on a path. */
  receive(message: Message, path: string, now: number): Reception {
    return this.peers.receive(message, path, now);
  }

  /** These probes of the last tick could not be sent. */
  unsent({ vips, links }: { readonly vips: readonly Vip[]; readonly links: readonly string[] }): void {
    for (const { uid } of vips) this.#holderProbes.unsent(uid);
    for (const link of links) this.#linkProbes.unsent(link);
  }

  /** A host, which may be a proxy, answered for an address. It counts only on a link where this node would announce that. */
  heardOnWire(claim: WireClaim, now: number, isProxy = () => false): void {
    this.#linkProbes.answered(claim, this.#input?.links ?? [], now);
    const vip = this.#decisions.vipOf(claim.address);
    const own = vip && this.claims.get(vip.uid);
    // Most frames do not matter here: other nodes announce the VIPs that they hold.
    if (vip === undefined || (own === undefined && !this.#holderProbes.isProbed(vip.uid))) return;
    if (!vip.linksOf(this.#self)?.includes(claim.link)) return;
    const node = this.#evidence.nodeOf(claim.mac);
    const weight = this.#evidence.weightOf(vip, node, now);
    if (weight === 'Nothing' || (node === undefined && isProxy())) return;
    if (weight === 'IfDirect' && !this.#holderProbes.isDirectAnswer(vip.uid, claim.mac, now)) {
      if (node !== undefined && own !== undefined) this.#evidence.noteContest(vip.uid, now);
      return;
    }
    this.#holderProbes.answered(vip.address, node, now);
    this.#decisions.touch(vip.uid);
    if (node === undefined || own === undefined) return;
    if (this.#evidence.mustYield(own, { vip, node }, now)) this.peers.claims.drop(this.#self, vip.uid);
  }

  /** The live nodes, this one included; none while this node listens. */
  get living(): readonly string[] {
    return livingIn(this.#view);
  }

  /** The live and the restarting nodes; undefined while this node listens. */
  get present(): readonly string[] | undefined {
    return presentIn(this.#view);
  }

  /** The nodes that are certainly dead: silent to all peers, and on the wire too. */
  get lost(): readonly string[] {
    return lostIn(this.#view);
  }

  /** Is this the one of all live nodes that reports on a VIP without a holder? */
  isReporter(address: Ip): boolean {
    return this.#ranking.first(address, this.living, () => true) === this.#self;
  }

  /** Does this node listen to its peers before it answers for any VIP? */
  isListening(now: number): boolean {
    if (this.#input === undefined) return true;
    const others = [...this.#input.nodes.keys()].filter((node) => node !== this.#self);
    return this.#listening.goesOn(now, others, (node) => {
      const peer = this.peers.get(node);
      return peer !== undefined && this.peers.isComplete(peer);
    });
  }

  /** Decides what has changed. Must be called at {@link Effects.again}, and at once if {@link hasUrgentWork}. */
  tick(now: number): Effects {
    // After a sleep nothing that was heard before is valid any more.
    if (this.#listening.beginsAgain(now, this.#view?.isolated === true)) this.peers.forgetHeartbeats();
    this.peers.takeUrgentWork();
    const review = this.peers.review(now);
    this.#updateOthers(review, now);
    const listening = this.isListening(now);
    const state = this.#state === 'Serving' && listening ? 'Listening' : this.#state;
    // Without a VIP the packet worker hears no answers, and no link matters.
    const judged = this.#input?.vips.length ? this.#input.links : [];
    const linkProbes = this.#linkProbes.review(judged, this.peers, now);
    const links = this.#links;
    if (state !== this.#sentState || !isSameLinks(links, this.#sentLinks)) this.#schedule.sendSoonToAll(now);
    this.#sentState = state;
    this.#sentLinks = links;
    const view = this.#viewOf(review, { now, listening });
    this.#view = view;
    this.#evidence.review(view, review);
    const { reassert } = this.#decisions.decide(view);
    if (this.outbox.hasDelta) this.outbox.queueDeltas(this.#others);
    const holderProbes = this.#holderProbes.due(probeTargetsOf(this.#decisions, view, review), now);
    const changes = [...review.of.values()].map(({ changesAt }) => changesAt ?? Number.POSITIVE_INFINITY);
    const wireAt = Math.min(this.#holderProbes.nextAt() ?? now + times.heartbeat, this.#linkProbes.nextAt);
    return {
      decisions: this.#decisions.all,
      holderProbes,
      hasClaims: !this.outbox.backlog.isEmpty,
      heartbeats: this.#schedule.due([...this.#others, ...this.#calling], review, now),
      reassert,
      linkProbes,
      noInboundTraffic: this.#linkProbes.noInboundTraffic,
      again: Math.min(now + times.heartbeat, wireAt, ...changes.filter((at) => at > now)),
    };
  }

  /** The heartbeat for a peer. */
  heartbeatFor(node: string, now: number, ages: Heartbeat['ages']): Heartbeat {
    this.#ages = ages;
    const nextMs = this.#schedule.promiseTo(node);
    const state = this.#state === 'Serving' ? this.#sentState : this.#state;
    return this.outbox.heartbeatFor(node, { now, state, rules: ruleVersion, ages, links: this.#links, nextMs });
  }

  get #links(): readonly PeerLink[] {
    return this.#linkProbes.reported(this.#input?.links ?? []);
  }

  /** A node that is heard is not forgotten when its object is deleted. */
  #updateOthers(review: PeerStates, now: number): void {
    const known = { nodes: new Set(this.#input?.nodes.keys()), peers: this.peers, review, now };
    this.#others = otherNodes(known);
    this.#calling = callingNodes(known);
    const wanted = new Set([...known.nodes, ...this.#others, ...this.#calling]);
    if (this.#input && !this.#decisions.isSettled) this.peers.keepOnly((node) => wanted.has(node));
  }

  #viewOf(review: PeerStates, { now, listening }: { readonly now: number; readonly listening: boolean }): HolderView {
    const isolated = this.#others.length > 0 && this.peers.isIsolated(now);
    const nodes = new Map<string, Candidate>();
    const draining = (node: string) => this.#input?.nodes.get(node)?.draining;
    const unheard = this.peers.isUnheard(now);
    const own = { ages: this.#ages, listening, draining: draining(this.#self) === true, unheard };
    nodes.set(this.#self, ownCandidate(this.#state, own));
    const known = { peers: this.peers, wire: this.#holderProbes, evidence: this.#evidence, review, now, isolated };
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
      formerOf: (uid) => {
        const own = { node: this.#self, claims: this.#remembered };
        return this.#evidence.yieldedTo(uid) ?? formerOf(uid, { peers: this.peers, own, now });
      },
      termOf: (uid) => this.peers.claims.termOf(uid),
      listening,
      isolated,
      minority: isMinority(nodes),
      complete: isAllKnown(this.peers, review, now),
      wire: (uid) => {
        if (this.#holderProbes.isUnanswered(uid, { now, ...vipProof })) return 'Unanswered';
        return this.#holderProbes.isAnswered(uid) ? 'Answered' : undefined;
      },
      waiting: this.#decisions.waiting,
      damped: (uid) => this.#decisions.isDamped(uid, now),
    };
  }
}
