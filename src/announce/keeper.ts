/**
 * Keeps one speaker's claims: takes in what it hears, decides who holds what, says what it tells the others and what it asks the wire.
 * Pure: the time is an argument, in milliseconds on a clock that never goes back. The speaker runs it with real sockets, the simulation
 * with virtual ones.
 */
import {
  type Beat,
  type Claim,
  type ClaimsNews,
  digestOf,
  type Incarnation,
  type Message,
  type PeerLink,
  ruleVersion,
  type SpeakerState,
  times,
} from '../liveness/messages.ts';
import { Peers, type Reception } from '../liveness/peers.ts';
import { type Candidate, decideHolders, type HolderDecision, type Vip } from './holders.ts';
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
  readonly decisions: readonly HolderDecision[];
  /** Addresses to ask for on the wire now. */
  readonly asks: readonly Vip[];
  /** Tell the peers at once. */
  readonly news: boolean;
}

/** A main loop that comes so late was stopped: others may have taken its VIPs. */
const lateMs = 300;
/** Claims in one datagram, so that it stays below 1,400 bytes. */
const claimsAtOnce = 20;

/** The keeper of one speaker. */
export class Keeper {
  readonly peers: Peers;
  readonly #self: string;
  readonly #wire = new WireAsks();
  #world: World = { vips: [], nodes: new Map(), links: [] };
  #claims = new Map<string, Claim>();
  #told = new Map<string, Claim>();
  #waiting = new Map<string, number>();
  #decisions: readonly HolderDecision[] = [];
  #state: SpeakerState = 'Serving';
  #sequence = 0;
  #lists = 0;
  #startedAt: number;
  #listenUntil: number;
  #tickedAt: number;
  #seen = '';

  /** `own` are the claims from before a restart, which count only where nobody claims more. */
  constructor(self: Incarnation, now: number, own: readonly Claim[] = []) {
    this.peers = new Peers(self);
    this.#self = self.node;
    this.#startedAt = now;
    this.#listenUntil = now + times.listen;
    this.#tickedAt = now;
    for (const claim of own) this.#claims.set(claim.uid, claim);
  }

  /** The claims of this node. */
  get claims(): ReadonlyMap<string, Claim> {
    return this.#claims;
  }

  /** What is decided, as of the last tick. */
  get decisions(): readonly HolderDecision[] {
    return this.#decisions;
  }

  /** Takes in what the cluster says now. */
  observe(world: World): void {
    this.#world = world;
    this.#seen = '';
    this.peers.keepOnly((node) => world.nodes.has(node));
  }

  /** Says that this speaker restarts, or gives its VIPs away. */
  announceState(state: SpeakerState): void {
    this.#state = state;
    this.#seen = '';
  }

  /** Takes in a datagram that came on a path. */
  hear(message: Message, path: string, now: number): Reception {
    return this.peers.receive(message, path, now);
  }

  /** Somebody with this hardware address answered for an address. */
  heardOnWire(address: string, mac: string, now: number): void {
    const node = this.#nodeOf(mac);
    this.#wire.answered(address, node, now);
    // Who heard nobody when it claimed the VIP gives way to a node that it knows.
    if (node === undefined) return;
    for (const { uid, address: own } of this.#world.vips) {
      if (own === address && this.#claims.get(uid)?.isolated && this.#claims.delete(uid)) this.#seen = '';
    }
  }

  /** Is it hearing the others out before it answers for anything? */
  isListening(now: number): boolean {
    if (now >= this.#listenUntil) return false;
    if (now - this.#startedAt < 2 * times.beat) return true;
    for (const node of this.#world.nodes.keys()) {
      const peer = this.peers.get(node);
      if (node !== this.#self && !(peer && this.peers.isComplete(peer))) return true;
    }
    return false;
  }

  /** Decides anew if anything has changed. To be called every beat, and after each datagram that matters. */
  tick(now: number): Turn {
    if (now - this.#tickedAt > lateMs) this.#listen(now);
    this.#tickedAt = now;
    const candidates = this.#candidates(now);
    const listening = this.isListening(now);
    const isolated = this.#isIsolated(now);
    const seen = JSON.stringify([listening, isolated, this.peers.claimsVersion, [...candidates]]);
    if (seen !== this.#seen || this.#waiting.size > 0) {
      this.#seen = seen;
      this.#decide(candidates, { now, listening, isolated });
    }
    const news = !sameClaims(this.#claims, this.#told);
    return { decisions: this.#decisions, asks: this.#asksDue(now), news };
  }

  /** What is said to a peer every beat. */
  beatFor(node: string, now: number, ages: Beat['ages']): Beat {
    const heard = [...this.#world.nodes.keys()].flatMap((other): [string, number][] => {
      const ageMs = now - this.peers.lastHeardByUs(other);
      return other !== this.#self && other !== node && ageMs < times.dead ? [[other, Math.round(ageMs)]] : [];
    });
    const peer = this.peers.get(node);
    return {
      kind: 'Beat',
      ...this.#envelope(node),
      rules: ruleVersion,
      state: this.#state,
      ages,
      links: this.#world.links,
      heard,
      claims: digestOf(this.#claims.values()),
      wantsClaims: peer?.beat !== undefined && !this.peers.isComplete(peer),
    };
  }

  /** What has changed since the peers were told last: one list for all of them, each with its own envelope. */
  takeNews(): readonly ((node: string) => ClaimsNews)[] {
    const claims = [...this.#claims.values()].filter((claim) => !isSame(claim, this.#told.get(claim.uid)));
    const dropped = [...this.#told.keys()].filter((uid) => !this.#claims.has(uid));
    this.#told = new Map(this.#claims);
    return parts(claims, dropped).map((part) => (node) => ({ ...part, ...this.#envelope(node), whole: undefined }));
  }

  /** All claims, for a peer that asks for them. */
  wholeList(node: string): readonly ClaimsNews[] {
    const list = ++this.#lists;
    const all = parts([...this.#claims.values()], []);
    const chunks = all.length === 0 ? [{ kind: 'Claims' as const, claims: [], dropped: [] }] : all;
    return chunks.map((chunk, part) => ({
      ...chunk,
      ...this.#envelope(node),
      whole: { list, part, parts: chunks.length },
    }));
  }

  #envelope(node: string): Pick<Beat, 'from' | 'to' | 'sequence'> {
    return { from: this.peers.self, to: this.peers.addressOf(node), sequence: ++this.#sequence };
  }

  #listen(now: number): void {
    this.#startedAt = now;
    this.#listenUntil = now + times.listen;
    this.peers.forgetBeats();
    this.#seen = '';
  }

  #isIsolated(now: number): boolean {
    return this.#world.nodes.size > 1 && this.peers.isIsolated(now);
  }

  #candidates(now: number): ReadonlyMap<string, Candidate> {
    return new Map([...this.#world.nodes].map(([node, facts]) => [node, this.#candidate(node, facts.draining, now)]));
  }

  #candidate(node: string, draining: boolean, now: number): Candidate {
    if (node === this.#self) {
      const gains = this.#state === 'Serving' && !draining;
      return { liveness: 'Self', gains, draining: !gains, backAt: 0, answersOnWire: false, silentOnWire: false };
    }
    const peer = this.peers.get(node);
    const liveness = this.peers.livenessOf(node, now);
    const beat = peer?.beat;
    const quick = beat !== undefined && Math.max(beat.ages.loop, beat.ages.worker) < times.slow;
    const leaves = draining || beat?.state === 'Draining';
    const patience = liveness === 'Unknown' ? times.wireSilence : times.dead - times.suspect - 50;
    return {
      liveness,
      gains: liveness === 'Alive' && quick && !leaves && beat?.state === 'Serving',
      draining: leaves,
      backAt: peer?.backAt ?? 0,
      answersOnWire: this.#wire.answersFor(node, now),
      silentOnWire: this.#wire.isSilent(node, { now, forMs: patience }),
    };
  }

  #decide(
    nodes: ReadonlyMap<string, Candidate>,
    { now, listening, isolated }: { readonly now: number; readonly listening: boolean; readonly isolated: boolean },
  ): void {
    const claims = new Map<string, ReadonlyMap<string, Claim>>([[this.#self, this.#claims]]);
    const former = new Map<string, ReadonlyMap<string, Claim>>();
    for (const peer of this.peers.all()) {
      claims.set(peer.node, peer.claims);
      if (now - peer.backAt < times.reclaim || peer.incarnation === undefined) former.set(peer.node, peer.former);
    }
    const unanswered = (uid: string) => this.#wire.isUnanswered(uid, now);
    const { vips } = this.#world;
    const state = { nodes, claims, former, listening, isolated, unanswered, waiting: this.#waiting };
    this.#decisions = decideHolders({ self: this.#self, now, vips, ...state });
    const before = this.#waiting;
    this.#waiting = new Map();
    this.#claims = new Map();
    for (const { vip, claim, waits } of this.#decisions) {
      if (claim) this.#claims.set(vip.uid, claim);
      if (waits) this.#waiting.set(vip.uid, before.get(vip.uid) ?? now);
    }
  }

  /** From suspicion on the VIPs of a silent holder are asked for, a few of each; so are those that a decision wants to know of. */
  #asksDue(now: number): readonly Vip[] {
    const wanted: { readonly vip: Vip; readonly node: string | undefined }[] = [];
    const perNode = new Map<string, number>();
    for (const { vip, holder, ask } of this.#decisions) {
      const suspect = holder !== undefined && this.#isSuspect(holder, now);
      if (!ask && !suspect) continue;
      const count = perNode.get(holder ?? '') ?? 0;
      if (!ask && count >= samples) continue;
      perNode.set(holder ?? '', count + 1);
      wanted.push({ vip, node: holder });
    }
    return this.#wire.due(wanted, now);
  }

  /** A peer that restarts is expected to be silent, and another one answers for it. */
  #isSuspect(node: string, now: number): boolean {
    if (node === this.#self || this.peers.livenessOf(node, now) === 'Restarting') return false;
    return now - this.peers.lastHeard(node, now) >= times.suspect;
  }

  #nodeOf(mac: string): string | undefined {
    for (const { node, beat } of this.peers.all()) if (beat?.links.some((link) => link.mac === mac)) return node;
    return undefined;
  }
}

/** How many of a silent holder's VIPs are asked for. */
const samples = 3;

function parts(
  claims: readonly Claim[],
  dropped: readonly string[],
): readonly Pick<ClaimsNews, 'kind' | 'claims' | 'dropped'>[] {
  const count = Math.max(Math.ceil(claims.length / claimsAtOnce), Math.ceil(dropped.length / claimsAtOnce));
  return Array.from({ length: count }, (_, i) => ({
    kind: 'Claims',
    claims: claims.slice(i * claimsAtOnce, (i + 1) * claimsAtOnce),
    dropped: dropped.slice(i * claimsAtOnce, (i + 1) * claimsAtOnce),
  }));
}

function isSame(a: Claim, b: Claim | undefined): boolean {
  return b !== undefined && a.term === b.term && a.isolated === b.isolated;
}

function sameClaims(a: ReadonlyMap<string, Claim>, b: ReadonlyMap<string, Claim>): boolean {
  if (a.size !== b.size) return false;
  for (const claim of a.values()) if (!isSame(claim, b.get(claim.uid))) return false;
  return true;
}
