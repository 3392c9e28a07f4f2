/**
 * Detects whether another host uses a VIP. Before the first announcement ever, a VIP is probed on the wire, three times
 * in 300 ms. While it is announced, claims of other hosts are noticed. RFC 5227 (IPv4) and RFC 4862 section 5.4 (IPv6)
 * require seconds: Berth departs from them, and makes up for it by listening on. A VIP that was announced before is
 * never probed first, since clients depend on it. Pure: the time is an argument, in milliseconds on a monotonic clock.
 */
import { foreignHostAfter } from './foreign-host.ts';
import type { HostKind } from './proxies.ts';
import {
  type Claim,
  type ConflictState,
  contestedMs,
  defendMs,
  firstProbes,
  type HeldVip,
  isDue,
  nextOf,
  probe,
  retryMs,
  strayMs,
  takenBy,
  type Watched,
} from './watched-vip.ts';

/** The effects of a turn. */
interface ConflictTurn {
  /** VIPs to probe on the wire now. */
  readonly probes: readonly HeldVip[];
  /** VIPs to announce again, because another host has claimed them (RFC 5227 section 2.4). */
  readonly defend: readonly HeldVip[];
  /** The state of at least one VIP has changed since the last turn. */
  readonly hasChanged: boolean;
  /** When the next turn is due; undefined if none is. */
  readonly nextAt: number | undefined;
}

/** During a takeover another speaker may claim a VIP for a moment: no conflict within this time. */
const takeoverMs = 2_000;
/**
 * The kernel of another node may answer for a new VIP until that node's rules silence it: kube-proxy in IPVS mode gives
 * every kernel the address. The VIP waits for that, and it is reported if it lasts longer than this.
 */
const settlingMs = 2_000;
/** Thousands of VIPs are probed in turn: at most 500 probes a second. */
const probesAtOnce = 50;
const turnMs = 100;

const clear: ConflictState = { kind: 'Clear' };

/** Watches the VIPs that this node holds. */
export class Conflicts {
  readonly #watched = new Map<string, Watched>();
  readonly #byAddress = new Map<string, Watched>();
  #hasChanged = false;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** Replaces the VIPs that this node holds. */
  observe(held: readonly HeldVip[], now: number): void {
    const uids = new Set(held.map(({ uid }) => uid));
    for (const [uid, { vip }] of this.#watched) {
      if (uids.has(uid)) continue;
      this.#watched.delete(uid);
      this.#byAddress.delete(vip.address);
    }
    for (const vip of held) {
      const known = this.#watched.get(vip.uid);
      if (known) known.vip = vip;
      else this.#begin(vip, now);
    }
  }

  /** Does a claim to this address, heard on this link, matter here? */
  isWatched(address: string, link: string): boolean {
    return this.#byAddress.get(address)?.vip.links.includes(link) === true;
  }

  /** The state of a VIP; one that is not watched is clear. */
  stateOf(uid: string): ConflictState {
    return this.#watched.get(uid)?.state ?? clear;
  }

  /** A host claims an address. True if a turn is due. */
  heard(claim: Claim, now: number): boolean {
    const { address, mac, link, node } = claim;
    const watched = this.#byAddress.get(address);
    if (watched === undefined || !watched.vip.links.includes(link)) return false;
    const { state } = watched;
    const isAnnounced = state.kind === 'Clear' || state.kind === 'Contested';
    if (watched.vip.owner !== undefined && !isAnnounced) return false;
    if (claim.kind === 'Proxy') watched.proxy = mac;
    if (claim.kind === 'Proxy' || (watched.vip.isAdopted === true && node !== undefined && !isAnnounced)) return false;
    // A node that has moved back, or stood still, must be corrected soon.
    if (claim.kind === 'Unknown' && (node === undefined || !isAnnounced)) {
      watched.pending = claim;
      watched.unanswered = 0;
      return false;
    }
    if (isAnnounced) return this.#heardWhileAnnounced(watched, claim, now);
    // Several answers to one probe count once.
    if (watched.unanswered > 0) watched.pauseMs = Math.min(2 * watched.pauseMs, retryMs.longest);
    watched.unanswered = 0;
    const foreign = foreignHostAfter(watched.foreign, claim, now);
    watched.foreign = foreign;
    if (state.kind !== 'Probing' && state.mac === foreign.mac) return false;
    if (state.kind === 'Probing' && foreign.node !== undefined && now - watched.since < settlingMs) return false;
    this.#set(watched, takenBy(foreign));
    if (state.kind === 'Probing') watched.pauseMs = retryMs.first;
    return true;
  }

  /** The last probe for a VIP could not be sent: that no host answers it proves nothing. */
  unsent(uid: string): void {
    const watched = this.#watched.get(uid);
    if (watched) watched.unanswered = Math.max(0, watched.unanswered - 1);
  }

  /** Decides about the claims of hosts that were unknown. True if a turn is due. */
  settle(kindOf: (claim: Claim) => HostKind, now: number): boolean {
    let isDue = false;
    for (const watched of this.#watched.values()) {
      // The VIP may have left the link meanwhile.
      if (watched.pending && !watched.vip.links.includes(watched.pending.link)) watched.pending = undefined;
      const { pending } = watched;
      const kind = pending && kindOf(pending);
      if (pending === undefined || kind === undefined || kind === 'Unknown') continue;
      watched.pending = undefined;
      if (this.heard({ ...pending, kind }, now)) isDue = true;
    }
    return isDue;
  }

  /**
   * Probes, decides and defends. Must be called after {@link observe}, after {@link heard} returned true, and at
   * `nextAt`.
   */
  turn(now: number): ConflictTurn {
    const probes: HeldVip[] = [];
    const defend: HeldVip[] = [];
    let nextAt = Number.POSITIVE_INFINITY;
    for (const watched of this.#watched.values()) {
      if (watched.strayAt !== undefined && now - watched.strayAt >= strayMs) {
        Object.assign(watched, { strayAt: undefined, defendedAt: now } satisfies Partial<Watched>);
        defend.push(watched.vip);
      }
      if (watched.state.kind === 'Contested') this.#defend(watched, defend, now);
      else this.#judge(watched, now);
      if (isDue(watched, now) && probes.length < probesAtOnce && now >= this.#pausedUntil) probe(watched, probes, now);
      nextAt = Math.min(nextAt, nextOf(watched));
    }
    if (probes.length === probesAtOnce) this.#pausedUntil = now + turnMs;
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    const soonest = Math.max(now + 1, nextAt <= now ? this.#pausedUntil : nextAt);
    return { probes, defend, hasChanged, nextAt: Number.isFinite(nextAt) ? soonest : undefined };
  }

  #heardWhileAnnounced(watched: Watched, claim: Claim, now: number): boolean {
    const { node } = claim;
    const { state } = watched;
    const foreign = foreignHostAfter(watched.foreign, claim, now);
    watched.foreign = foreign;
    if (node === undefined) watched.claimedAt = now;
    if (node !== undefined && (node !== foreign.node || now - foreign.since < takeoverMs)) {
      if (watched.strayAt !== undefined) return false;
      watched.strayAt = Math.max(now, watched.defendedAt + takeoverMs);
      return true;
    }
    // A claim that is already known is answered when the pause is over, not because it was heard again.
    if (state.kind === 'Contested' && state.mac === foreign.mac)
      return node === undefined && now - watched.defendedAt >= defendMs;
    this.#set(watched, { kind: 'Contested', mac: foreign.mac, node: foreign.node });
    return true;
  }

  #begin(vip: HeldVip, now: number): void {
    const state: ConflictState = vip.isFirst || vip.isAdopted === true ? { kind: 'Probing' } : clear;
    const never = Number.NEGATIVE_INFINITY;
    const watched: Watched = {
      ...{ vip, state, since: now, probedAt: never, pauseMs: firstProbes.pauseMs, unanswered: 0 },
      ...{ foreign: undefined, claimedAt: never, defendedAt: never, strayAt: undefined },
      ...{ proxy: undefined, pending: undefined },
    };
    this.#watched.set(vip.uid, watched);
    this.#byAddress.set(vip.address, watched);
    this.#hasChanged = true;
  }

  /** After enough unanswered probes no other host has the VIP. */
  #judge(watched: Watched, now: number): void {
    const { state, unanswered, probedAt, vip } = watched;
    if (vip.owner !== undefined && state.kind !== 'Clear') {
      watched.unanswered = 0;
      if (!('link' in state)) this.#set(watched, { kind: 'OtherProgram', ...vip.owner });
      return;
    }
    if (state.kind === 'Clear' || unanswered < firstProbes.count) return;
    if (now - probedAt < firstProbes.pauseMs) return;
    watched.foreign = undefined;
    this.#set(watched, watched.proxy === undefined ? clear : { kind: 'Clear', proxy: watched.proxy });
  }

  #defend(watched: Watched, defend: HeldVip[], now: number): void {
    const { foreign, claimedAt } = watched;
    if (foreign === undefined || now - foreign.at >= contestedMs) {
      watched.foreign = undefined;
      this.#set(watched, clear);
    } else if (claimedAt > watched.defendedAt && now - watched.defendedAt >= defendMs) {
      // Two programs of one cluster would answer each other without end: an administrator must resolve that.
      watched.defendedAt = now;
      defend.push(watched.vip);
    }
  }

  #set(watched: Watched, state: ConflictState): void {
    watched.state = state;
    watched.strayAt = undefined;
    this.#hasChanged = true;
  }
}
