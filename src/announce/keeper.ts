/**
 * Keeps one speaker's claims: takes in what it hears, decides who holds what, says what it tells the others and what it asks the wire.
 * Pure: the time is an argument, in milliseconds on a clock that never goes back. The speaker runs it with real sockets, the simulation
 * with virtual ones.
 */
import {
  type Beat,
  type Claim,
  type ClaimsNews,
  type Incarnation,
  type Message,
  type PeerLink,
  ruleVersion,
  type SpeakerState,
  times,
} from '../liveness/messages.ts';
import { Peers, type Reception } from '../liveness/peers.ts';
import { Rhythm } from '../liveness/rhythm.ts';
import type { Review } from '../liveness/standing.ts';
import { Voice } from '../liveness/voice.ts';
import { candidateOf, ownCandidate } from './candidates.ts';
import { Decisions } from './decisions.ts';
import { Ranking } from './holder.ts';
import type { Candidate, HolderDecision, HolderView, Vip } from './holder-view.ts';
import { formerOf, isAllKnown } from './memory.ts';
import { isNext } from './successors.ts';
import { WireAsks } from './wire-asks.ts';

/** What the cluster's objects and the kernel say. */
export interface World {
  readonly vips: readonly Vip[];
  /** The nodes that run a speaker, this one included, and whether people want them to give their VIPs away. */
  readonly nodes: ReadonlyMap<string, { readonly draining: boolean }>;
  /** This node's links. */
  readonly links: readonly PeerLink[];
}

/** What a tick calls for. */
export interface Turn {
  /** The same list as before if nothing has changed. */
  readonly decisions: readonly HolderDecision[];
  /** Addresses to ask for on the wire now. */
  readonly asks: readonly Vip[];
  /** Tell the peers at once: {@link Keeper.takeNews}, to each of {@link Keeper.others}. */
  readonly news: boolean;
  /** The peers that get a beat now. */
  readonly beats: readonly string[];
  /** VIPs that are held here and that somebody else claimed in vain: neighbours may have heard the other one last. */
  readonly reassert: readonly Vip[];
  /** When the next tick is wanted, if nothing comes before: within a beat at the latest. */
  readonly again: number;
}

/** A main loop that comes so late was stopped: others may have taken its VIPs. */
const lateMs = 300;
/** How many of a silent holder's VIPs are asked for. */
const samples = 3;
/** So long somebody else must answer for a VIP before a node that hears nobody gives it up, unless it claimed it alone. */
const yieldMs = 500;
/** When it is believed of a VIP that nobody answers for it. */
const vipProof = { questions: 3, forMs: 150 } as const;

/** The keeper of one speaker. */
export class Keeper {
  readonly peers: Peers;
  readonly #self: string;
  readonly #voice: Voice;
  readonly #rhythm: Rhythm;
  readonly #wire = new WireAsks();
  readonly #ranking = new Ranking();
  readonly #decisions: Decisions;
  readonly #remembered: ReadonlyMap<string, Claim>;
  readonly #sightings = new Map<string, number>();
  #world: World | undefined;
  #view: HolderView | undefined;
  #others: readonly string[] = [];
  #state: Exclude<SpeakerState, 'Listening'> = 'Serving';
  #told: SpeakerState = 'Listening';
  #startedAt: number;
  #tickedAt: number;
  #listened = false;
  #linkCameBack = false;

  /** `own` are the claims from before a restart, which count only where nobody claims anything. */
  constructor(self: Incarnation, now: number, own: readonly Claim[] = []) {
    this.peers = new Peers(self);
    this.#self = self.node;
    this.#voice = new Voice(this.peers);
    this.#rhythm = new Rhythm(this.peers, (nodes) => this.#ranking.order(self.node, nodes));
    this.#decisions = new Decisions(this.peers.claims, self.node);
    this.#startedAt = now;
    this.#tickedAt = now;
    this.#remembered = new Map(own.map((claim) => [claim.uid, claim]));
  }

  /** The claims of this node. */
  get claims(): ReadonlyMap<string, Claim> {
    return this.peers.claims.of(this.#self);
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
  get isStirred(): boolean {
    return this.peers.isStirred || this.#decisions.isDirty;
  }

  /** The rules to decide by: the lowest version of all speakers that are heard. */
  rulesAt(now: number): number {
    let lowest = ruleVersion;
    for (const { node, beat } of this.peers.all()) {
      if (beat && this.peers.livenessOf(node, now) !== 'Dead') lowest = Math.min(lowest, beat.rules);
    }
    return lowest;
  }

  /** Takes in what the cluster says now. */
  observe(world: World): void {
    const before = this.#world;
    if (before && world.links.some(({ name }) => !before.links.some((link) => link.name === name))) {
      this.#linkCameBack = true;
    }
    this.#world = world;
    this.#decisions.observe(world.vips);
  }

  /** Says that this speaker restarts, or gives its VIPs away. */
  announceState(state: 'Serving' | 'Restarting' | 'Draining'): void {
    this.#state = state;
  }

  /** Takes in a datagram that came on a path. */
  hear(message: Message, path: string, now: number): Reception {
    return this.peers.receive(message, path, now);
  }

  /** Somebody with this hardware address answered for an address. */
  heardOnWire(address: string, mac: string, now: number): void {
    const node = this.#nodeOf(mac);
    this.#wire.answered(address, node, now);
    const uid = this.#decisions.uidOf(address);
    if (uid === undefined) return;
    this.#decisions.touch(uid);
    const own = this.claims.get(uid);
    if (node === undefined || own === undefined || !this.#view?.isolated) return;
    // Who hears nobody gives way to a node that it knows; at once, if it has claimed the VIP alone.
    const since = this.#sightings.get(uid) ?? now;
    this.#sightings.set(uid, since);
    if (own.isolated || now - since >= yieldMs) this.peers.claims.drop(this.#self, uid);
  }

  /** Is it hearing the others out before it answers for anything? */
  isListening(now: number): boolean {
    if (this.#listened || this.#world === undefined) return this.#world === undefined;
    const listenedMs = now - this.#startedAt;
    const isHeard = (node: string) => {
      const peer = this.peers.get(node);
      return peer !== undefined && this.peers.isComplete(peer);
    };
    const waitsFor = [...this.#world.nodes.keys()].filter((node) => node !== this.#self);
    if (waitsFor.length > 0 && listenedMs < times.listen) {
      if (listenedMs < 2 * times.beat || !waitsFor.every(isHeard)) return true;
    }
    this.#listened = true;
    return false;
  }

  /** Decides anew what has changed. To be called when it asks for it, and after whatever stirs it. */
  tick(now: number): Turn {
    this.#wakeUp(now);
    this.#tickedAt = now;
    this.peers.takeStir();
    const review = this.peers.review(now);
    this.#meet(review);
    const listening = this.isListening(now);
    const state = this.#state === 'Serving' && listening ? 'Listening' : this.#state;
    if (state !== this.#told) this.#rhythm.beLoud(now);
    this.#told = state;
    const view = this.#viewOf(review, { now, listening });
    this.#view = view;
    if (!view.isolated) this.#sightings.clear();
    const { reassert } = this.#decisions.decide(view);
    const asks = this.#wire.due(this.#wanted(view, review), now);
    const changes = [...review.of.values()].map(({ changesAt }) => changesAt ?? Number.POSITIVE_INFINITY);
    const wireAt = this.#wire.nextAt() ?? Number.POSITIVE_INFINITY;
    return {
      decisions: this.#decisions.all,
      asks,
      news: this.#voice.hasNews,
      beats: this.#rhythm.due(this.#others, review, now),
      reassert,
      again: Math.min(now + times.beat, wireAt, ...changes.filter((at) => at > now)),
    };
  }

  /** What is said to a peer that gets a beat. */
  beatFor(node: string, now: number, ages: Beat['ages']): Beat {
    const links = this.#world?.links ?? [];
    const nextMs = this.#rhythm.promiseTo(node);
    const state = this.#state === 'Serving' ? this.#told : this.#state;
    return this.#voice.beatFor(node, { now, state, rules: ruleVersion, ages, links, nextMs });
  }

  /** What has changed since the peers were told last: one list for all of them, each with its own envelope. */
  takeNews(): readonly ((node: string) => ClaimsNews)[] {
    return this.#voice.takeNews();
  }

  /** All claims, for a peer that asks for them. */
  wholeList(node: string): readonly ClaimsNews[] {
    return this.#voice.wholeList(node);
  }

  /** After a sleep, or without a cable and without anybody to hear, nothing that was heard is true any more. */
  #wakeUp(now: number): void {
    const cameBack = this.#linkCameBack && this.#view?.isolated === true;
    this.#linkCameBack = false;
    if (now - this.#tickedAt <= lateMs && !cameBack) return;
    this.#startedAt = now;
    this.#listened = false;
    this.peers.forgetBeats();
  }

  /** Whom there is to talk to. A node that is heard is not forgotten because its object is gone. */
  #meet(review: Review): void {
    const nodes = this.#world?.nodes ?? new Map<string, unknown>();
    const isHeard = (node: string) => ['Alive', 'Restarting'].includes(review.of.get(node)?.liveness ?? '');
    if (this.#world && !this.#decisions.isSettled) this.peers.keepOnly((node) => nodes.has(node) || isHeard(node));
    const extra = [...this.peers.all()].map(({ node }) => node).filter((node) => !nodes.has(node) && isHeard(node));
    this.#others = [...nodes.keys(), ...extra].filter((node) => node !== this.#self);
  }

  #viewOf(review: Review, { now, listening }: { readonly now: number; readonly listening: boolean }): HolderView {
    const isolated = this.#others.length > 0 && this.peers.isIsolated(now);
    const nodes = new Map<string, Candidate>();
    const draining = (node: string) => this.#world?.nodes.get(node)?.draining;
    nodes.set(this.#self, ownCandidate(this.#state, { listening, draining: draining(this.#self) === true }));
    const known = { peers: this.peers, wire: this.#wire, review, now, isolated };
    for (const node of this.#others) nodes.set(node, candidateOf(node, draining(node), known));
    return {
      self: this.#self,
      now,
      ranking: this.#ranking,
      vips: [],
      total: this.#world?.vips.length ?? 0,
      loads: () => new Map(),
      nodes,
      claimsTo: (uid) => this.peers.claims.to(uid),
      formerOf: (uid) => formerOf(uid, { peers: this.peers, own: { node: this.#self, claims: this.#remembered }, now }),
      termOf: (uid) => this.peers.claims.termOf(uid),
      listening,
      isolated,
      complete: isAllKnown(this.peers, review, now),
      wire: (uid) => {
        if (this.#wire.isUnanswered(uid, { now, ...vipProof })) return 'Unanswered';
        return this.#wire.isAnswered(uid) ? 'Answered' : undefined;
      },
      waiting: this.#decisions.waiting,
      damped: (uid) => this.#decisions.isDamped(uid, now),
    };
  }

  /** From suspicion on VIPs of a silent holder are asked for by those who would take them; so is what a decision wants to know of. */
  #wanted(view: HolderView, review: Review): { readonly vip: Vip; readonly node: string | undefined }[] {
    const wanted: { readonly vip: Vip; readonly node: string | undefined }[] = [];
    const counts = new Map<string, number>();
    const add = (vip: Vip, node: string | undefined) => {
      const count = counts.get(node ?? '') ?? 0;
      if (node !== undefined && count >= samples) return;
      counts.set(node ?? '', count + 1);
      wanted.push({ vip, node });
    };
    for (const { vip, ask } of this.#decisions.asking()) if (ask) add(vip, ask.node);
    const suspects = new Set([...review.of].filter(([, { isSuspect }]) => isSuspect).map(([node]) => node));
    if (suspects.size === 0) return wanted;
    for (const { vip, holder, ask } of this.#decisions.all) {
      if (ask !== undefined || holder === undefined || !suspects.has(holder)) continue;
      if ((counts.get(holder) ?? 0) < samples && isNext(vip, holder, view)) add(vip, holder);
    }
    return wanted;
  }

  #nodeOf(mac: string): string | undefined {
    for (const { node, beat } of this.peers.all()) if (beat?.links.some((link) => link.mac === mac)) return node;
    return undefined;
  }
}
