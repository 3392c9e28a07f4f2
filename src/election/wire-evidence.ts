/**
 * Decides what an answer on the wire proves. Any host may answer for a VIP: a proxy, a host with the same address, a
 * node that has no claim. So an answer is a sign of life only of the node whose hardware address it has, and only while
 * that node is not heard. A hardware address of no known node may be that of a node that was never heard.
 *
 * A switch with ARP suppression (RFC 7432 section 10) answers in the name of a host that is dead. So a node that hears
 * most nodes believes in the life of a silent one for a limited time only. A node that hears few may be the one that is
 * cut off: after that time it probes the silent node alone. A switch passes such a probe on to the node itself, as it
 * passes on the probes by which neighbors find out whether the node is still there (RFC 4861 section 7.3.3).
 */
import type { PeerStates } from '../liveness/failure-detector.ts';
import type { Claim } from '../liveness/messages.ts';
import type { Peers } from '../liveness/peers.ts';
import type { Candidate, HolderView, Vip } from './view.ts';

/** For this long a node that no peer hears counts as alive because it answers, whichever probe it answers. */
const vouchMs = 30_000;
/** A record is believed for the same time at first, and for this time at most. */
const mostRecordMs = 600_000;
/**
 * A holder that hears few nodes gives a VIP up when another node has answered for it during this time. If both hear few,
 * one of them must wait longer.
 */
const yieldMs = 500;
const lateYieldMs = 2_500;
/** Answers that are this far apart do not belong together. */
const gapMs = 2_000;

/** How much an answer proves. `IfDirect`: only that of a host that was probed alone is a sign of life. */
type Weight = 'Nothing' | 'IfDirect' | 'Life';

/** What was heard on the wire, and from which nodes. */
export class WireEvidence {
  readonly #peers: Peers;
  /** By hardware address: the nodes on record. */
  #onRecord: ReadonlyMap<string, string> = new Map();
  #recorded: ReadonlySet<string> = new Set();
  /** Since when nodes are dead or unknown. */
  readonly #goneSince = new Map<string, number>();
  /** By VIP of this node: since when another node has answered for it, and its last answer. */
  readonly #contested = new Map<string, { readonly since: number; readonly at: number }>();
  /** The nodes to which this node gave VIPs up because they answered. */
  readonly #yielded = new Map<string, { readonly node: string; readonly term: number }>();
  /** By node: until when a record shows that it lives, and for how long it was believed. */
  readonly #vouched = new Map<string, { readonly until: number; readonly ms: number }>();
  #view: HolderView | undefined;
  #review: PeerStates | undefined;

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  /**
   * Replaces the VIPs: their records have hardware addresses of nodes that were not heard yet. Returns the VIPs that this
   * node must give up: while it was isolated, another node recorded a claim that counts more than its own.
   */
  observe(vips: readonly Vip[]): readonly string[] {
    const onRecord = new Map<string, string>();
    for (const { recorded } of vips)
      for (const { mac } of recorded?.links ?? []) onRecord.set(mac, recorded?.node ?? '');
    this.#onRecord = onRecord;
    this.#recorded = new Set(onRecord.values());
    const uids = this.#yielded.size === 0 ? undefined : new Set(vips.map(({ uid }) => uid));
    for (const uid of this.#yielded.keys()) if (!uids?.has(uid)) this.#yielded.delete(uid);
    return this.#view?.isolated ? vips.filter(this.#isOverruled).map(({ uid }) => uid) : [];
  }

  /** Has the record of a node shown lately that it lives, although this node hears nothing of it? */
  isVouchedFor(node: string, now: number): boolean {
    return now < (this.#vouched.get(node)?.until ?? Number.NEGATIVE_INFINITY);
  }

  /** Takes the view of a tick. */
  review(view: HolderView, review: PeerStates): void {
    const { nodes, now, complete, minority } = view;
    this.#view = view;
    this.#review = review;
    for (const node of this.#goneSince.keys()) if (!nodes.has(node)) this.#goneSince.delete(node);
    for (const [node, candidate] of nodes) {
      if (!isGone(candidate)) {
        this.#goneSince.delete(node);
        this.#vouched.delete(node);
      } else if (!this.#goneSince.has(node)) this.#goneSince.set(node, now);
    }
    const own = this.#peers.claims.of(this.#peers.self.node);
    for (const uid of this.#yielded.keys()) if (own.has(uid)) this.#yielded.delete(uid);
    // From now on the claims say which node holds which VIP.
    if (!minority && complete) this.#yielded.clear();
  }

  /** The node with this hardware address, as it was heard or as it is on record. */
  nodeOf(mac: string): string | undefined {
    const node = this.#peers.links.nodeOf(mac) ?? this.#onRecord.get(mac);
    return node !== undefined && this.#view?.nodes.has(node) ? node : undefined;
  }

  /** Is an answer for a VIP a sign that a silent node holds it? `node` is undefined if the host is no known node. */
  weightOf({ eligible }: Vip, node: string | undefined, now: number): Weight {
    if (node !== undefined) return this.#weightOf(node, now);
    const isStranger = (one: string) => this.#peers.links.of(one) === undefined && !this.#recorded.has(one);
    const weights = new Set([...eligible].filter(isStranger).map((one) => this.#weightOf(one, now)));
    if (weights.has('Life')) return 'Life';
    return weights.has('IfDirect') ? 'IfDirect' : 'Nothing';
  }

  /** Another node that is not heard answers for a VIP that this node claims. Must this node give it up? */
  mustYield(own: Claim, { vip, node }: { readonly vip: Vip; readonly node: string }, now: number): boolean {
    if (this.#view === undefined || !this.#view.minority) return false;
    const { self, isolated, ranking } = this.#view;
    const since = this.noteContest(own.uid, now);
    const isFirst = ranking.score(vip.address, self) > ranking.score(vip.address, node);
    const waitMs = own.isolated ? 0 : isolated || !isFirst ? yieldMs : lateYieldMs;
    if (now - since < waitMs) return false;
    this.#contested.delete(own.uid);
    this.#yielded.set(own.uid, { node, term: own.term });
    return true;
  }

  /** Another node answers for a VIP that this node claims. Returns since when it does. */
  noteContest(uid: string, now: number): number {
    const before = this.#contested.get(uid);
    const since = before && now - before.at < gapMs ? before.since : now;
    this.#contested.set(uid, { since, at: now });
    return since;
  }

  /** The node to which this node gave a VIP up, while nothing better is known about its holder. */
  yieldedTo(uid: string): { readonly node: string; readonly term: number } | undefined {
    return this.#yielded.get(uid);
  }

  /** A term that is higher than ours was claimed after our claim, by a node that heard ours. */
  #isOverruled = ({ uid, recorded }: Vip): boolean => {
    const { self, nodes, now } = this.#view ?? {};
    const own = this.#peers.claims.of(this.#peers.self.node).get(uid);
    if (now === undefined || !own?.isolated || recorded === undefined || recorded.node === self) return false;
    if (recorded.term <= own.term || nodes?.get(recorded.node)?.liveness !== 'Dead') return false;
    this.#yielded.set(uid, { node: recorded.node, term: recorded.term });
    this.#vouch(recorded.node, now);
    return true;
  };

  /** Longer each time: it may be dead, or this node may hear nothing for long. */
  #vouch(node: string, now: number): void {
    if (this.isVouchedFor(node, now)) return;
    const before = this.#vouched.get(node);
    const ms = before && now < before.until + before.ms ? Math.min(2 * before.ms, mostRecordMs) : vouchMs;
    this.#vouched.set(node, { until: now + ms, ms });
  }

  /** A live node says itself what it holds. */
  #weightOf(node: string, now: number): Weight {
    const candidate = this.#view?.nodes.get(node);
    if (candidate === undefined || candidate.liveness === 'Self') return 'Nothing';
    if (!isGone(candidate)) return this.#review?.of.get(node)?.isSuspect === true ? 'Life' : 'Nothing';
    if (now - (this.#goneSince.get(node) ?? now) < vouchMs) return 'Life';
    return this.#view?.minority === true ? 'IfDirect' : 'Nothing';
  }
}

function isGone({ liveness }: Candidate): boolean {
  return liveness === 'Dead' || liveness === 'Unknown';
}
