/** The decisions of one speaker. A VIP is decided again only if something about it has changed. */
import type { ClaimStore } from '../liveness/claim-store.ts';
import { times } from '../liveness/messages.ts';
import { decideHolders } from './decide-holders.ts';
import { FlapDamping } from './flap-damping.ts';
import { ProbeQueue } from './probe-queue.ts';
import type { Candidate, HolderDecision, HolderView, Vip } from './view.ts';

/** The decisions, by VIP. */
export class DecisionCache {
  readonly #claims: ClaimStore;
  readonly #self: string;
  readonly #moves = new FlapDamping();
  #vips = new Map<string, Vip>();
  #byAddress = new Map<string, Vip>();
  #byUid = new Map<string, HolderDecision>();
  #all: readonly HolderDecision[] = [];
  #waiting = new Map<string, number>();
  readonly #probing = new ProbeQueue();
  readonly #byHolder = new Map<string, Set<string>>();
  readonly #touched = new Set<string>();
  /** When the waiting VIPs were last decided. */
  #waitedAt = Number.NEGATIVE_INFINITY;
  /** The facts behind the last decision on all VIPs, as text. */
  #seen: string | undefined;
  /** Were VIPs added, changed or removed since the last decision? */
  #isOther = true;
  #isSettled = false;

  constructor(claims: ClaimStore, self: string) {
    this.#claims = claims;
    this.#self = self;
  }

  /** All decisions; the same list as long as none has changed. */
  get all(): readonly HolderDecision[] {
    return this.#all;
  }

  /** Since when VIPs wait for a holder. */
  get waiting(): ReadonlyMap<string, number> {
    return this.#waiting;
  }

  /** Is there a VIP to decide before the next tick is due? */
  get isDirty(): boolean {
    return this.#touched.size > 0 || this.#isOther;
  }

  /** Has every VIP been decided since the last {@link observe}? */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The VIP of an address. */
  vipOf(address: string): Vip | undefined {
    return this.#byAddress.get(address);
  }

  /** Has this VIP moved too often? */
  isDamped(uid: string, now: number): boolean {
    return this.#moves.isDamped(uid, now);
  }

  /** Replaces the set of VIPs. A VIP that is not the same object as before is decided again. */
  observe(vips: readonly Vip[]): void {
    this.#isSettled = false;
    const before = this.#vips;
    const others = vips.filter((vip) => before.get(vip.uid) !== vip);
    for (const { uid } of others) this.#touched.add(uid);
    if (others.length === 0 && vips.length === before.size) return;
    this.#vips = new Map(vips.map((vip) => [vip.uid, vip]));
    this.#byAddress = new Map(vips.map((vip) => [vip.address, vip]));
    this.#isOther = true;
  }

  /** Decides this VIP again at the next call of {@link decide}. */
  touch(uid: string): void {
    this.#touched.add(uid);
  }

  /** The decisions that need a probe now. */
  *probing(now: number): Iterable<HolderDecision> {
    yield* this.#decisionsOn(this.#probing.take(now));
  }

  /** The decisions on the VIPs that a node holds. */
  *heldBy(node: string): Iterable<HolderDecision> {
    yield* this.#decisionsOn(this.#byHolder.get(node) ?? []);
  }

  *#decisionsOn(uids: Iterable<string>): Iterable<HolderDecision> {
    for (const uid of uids) {
      const decision = this.#byUid.get(uid);
      if (decision) yield decision;
    }
  }

  /**
   * Decides the VIPs that need a decision. Returns the VIPs that this node holds and that another live node claims too.
   */
  decide(view: HolderView): { readonly reassert: readonly Vip[] } {
    const { nodes, listening, isolated, complete, now } = view;
    const claimed = this.#claims.takeTouched();
    const seen = `${listening} ${isolated} ${complete}${keyOf(nodes)}`;
    const isAll = seen !== this.#seen;
    // The waits are much longer than the interval of heartbeats, so once per interval is enough.
    const isTime = now - this.#waitedAt >= times.heartbeat - 20;
    if (isAll || isTime) this.#waitedAt = now;
    const waiting = isTime ? this.#waiting.keys() : [];
    const uids = isAll ? this.#vips.keys() : new Set([...this.#touched, ...claimed, ...waiting]);
    const vips: Vip[] = [];
    for (const uid of uids) {
      const vip = this.#vips.get(uid);
      if (vip) vips.push(vip);
    }
    const isOther = this.#isOther;
    this.#seen = seen;
    this.#isOther = false;
    this.#isSettled = true;
    this.#touched.clear();
    if (isOther) this.#forget(now);
    if (vips.length > 0 || isOther) this.#take(decideHolders({ ...view, vips, loads: () => this.#loads(vips) }), view);
    return { reassert: this.#contested(claimed, view) };
  }

  #take(decisions: readonly HolderDecision[], { now, nodes }: HolderView): void {
    let hasChanged = this.#all.length !== this.#vips.size;
    for (const decision of decisions) {
      const { vip, claim, waits, holder, probe, action } = decision;
      const planned = (from: string) => nodes.get(from)?.draining === true || vip.moveTo === holder;
      const before = this.#byUid.get(vip.uid);
      if (!isSame(decision, before)) hasChanged = true;
      this.#byUid.set(vip.uid, decision);
      if (before?.holder !== holder) this.#noteHolder(vip.uid, before?.holder, holder);
      if (claim) this.#claims.set(this.#self, claim);
      else this.#claims.drop(this.#self, vip.uid);
      // While this node listens, or does not know all claims, it is no node's turn.
      if (!waits || (action.kind === 'Silent' && action.reason === 'Listening')) this.#waiting.delete(vip.uid);
      else if (!this.#waiting.has(vip.uid)) this.#waiting.set(vip.uid, now);
      this.#probing.set(vip.uid, probe && { node: probe.node, isHeld: action.kind === 'Hold' });
      const isHeld = action.kind === 'Hold' || (action.kind === 'Silent' && action.reason === 'NotHolder');
      if (isHeld && holder !== undefined) this.#moves.note(vip.uid, { node: holder, planned }, now);
    }
    // The claims that this node has just made need no further decision.
    this.#claims.takeTouched();
    if (hasChanged) this.#all = [...this.#vips.keys()].flatMap((uid) => this.#byUid.get(uid) ?? []);
  }

  #noteHolder(uid: string, from: string | undefined, to: string | undefined): void {
    const former = from === undefined ? undefined : this.#byHolder.get(from);
    if (former?.delete(uid) && former.size === 0 && from !== undefined) this.#byHolder.delete(from);
    if (to !== undefined) this.#byHolder.set(to, (this.#byHolder.get(to) ?? new Set()).add(uid));
  }

  #forget(now: number): void {
    const exists = (uid: string) => this.#vips.has(uid);
    for (const [uid, { holder }] of this.#byUid) {
      if (exists(uid)) continue;
      this.#byUid.delete(uid);
      this.#noteHolder(uid, holder, undefined);
    }
    for (const uid of this.#waiting.keys()) if (!exists(uid)) this.#waiting.delete(uid);
    this.#probing.keepOnly(exists);
    for (const uid of this.#claims.of(this.#self).keys()) if (!exists(uid)) this.#claims.drop(this.#self, uid);
    this.#claims.forgetTerms(exists);
    this.#moves.prune(exists, now);
  }

  #loads(decidedNow: readonly Vip[]): ReadonlyMap<string, number> {
    const loads = new Map<string, number>();
    const now = new Set(decidedNow.map(({ uid }) => uid));
    for (const { vip, holder } of this.#byUid.values()) {
      if (holder !== undefined && !now.has(vip.uid)) loads.set(holder, (loads.get(holder) ?? 0) + 1);
    }
    return loads;
  }

  #contested(claimed: ReadonlySet<string>, { nodes }: HolderView): readonly Vip[] {
    const contested: Vip[] = [];
    for (const uid of claimed) {
      const decision = this.#byUid.get(uid);
      if (decision?.action.kind !== 'Hold') continue;
      const others = [...this.#claims.to(uid).keys()].filter((node) => node !== this.#self);
      if (others.some((node) => nodes.get(node)?.liveness === 'Alive')) contested.push(decision.vip);
    }
    return contested;
  }
}

/** All facts about the nodes on which decisions depend, as text. */
function keyOf(nodes: ReadonlyMap<string, Candidate>): string {
  let key = '';
  for (const [node, candidate] of nodes) {
    const { liveness, gains, gainsSoon, draining, backAt, answersOnWire, silentOnWire, unheard = false } = candidate;
    const bits = +gains + 2 * +gainsSoon + 4 * +draining + 8 * +answersOnWire + 16 * +silentOnWire + 32 * +unheard;
    key += ` ${node} ${liveness} ${bits} ${backAt}`;
  }
  return key;
}

function isSame(a: HolderDecision, b: HolderDecision | undefined): boolean {
  if (b === undefined || a.vip !== b.vip || a.holder !== b.holder || a.term !== b.term) return false;
  if (a.damped !== b.damped || a.action.kind !== b.action.kind) return false;
  if (a.action.kind === 'Silent') return b.action.kind === 'Silent' && a.action.reason === b.action.reason;
  return a.action.kind === 'Hold' || (b.action.kind === 'StandIn' && a.action.node === b.action.node);
}
