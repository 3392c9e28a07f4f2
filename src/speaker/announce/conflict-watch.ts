/** Detects other hosts that use this node's VIPs: runs the conflict detector on the real clock. */
import { Conflicts } from '../../announce/conflict-detector.ts';
import { type HostKind, Proxies, type ProxyQuestion } from '../../announce/proxies.ts';
import type { ConflictState, HeldVip } from '../../announce/watched-vip.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';

/** What the watch works with. */
interface ConflictWatchOptions {
  readonly log: Logger;
  /** The node of the cluster that has this hardware address. */
  readonly nodeOf: (mac: string) => string | undefined;
}

/** Claims that are heard within this time are decided together: a host may send hundreds of frames a second. */
const togetherMs = 100;

/** Watches the VIPs that this node holds. */
export class ConflictWatch {
  /** These VIPs must be probed. */
  readonly probing = new Emitter<[vips: readonly HeldVip[]]>();
  /** All hosts of a link must be asked for an address that no host can have: only proxies answer. */
  readonly asking = new Emitter<[questions: readonly ProxyQuestion[]]>();
  /** These VIPs must be announced again. */
  readonly defending = new Emitter<[vips: readonly HeldVip[]]>();
  /** The state of a VIP has changed, but not by a call of `observe`. */
  readonly changed = new Emitter();
  readonly #options: ConflictWatchOptions;
  readonly #conflicts = new Conflicts();
  readonly #proxies = new Proxies();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  /** Sets the VIPs that are held. Updates all states before it returns. */
  observe(held: readonly HeldVip[]): void {
    this.#conflicts.observe(held, performance.now());
    this.#step(false);
  }

  /** The last probe for a VIP could not be sent. */
  unsent(uid: string): void {
    this.#conflicts.unsent(uid);
  }

  /** A question was asked, or could not be: see {@link Proxies.asked}. */
  asked(...result: Parameters<Proxies['asked']>): void {
    this.#proxies.asked(...result);
  }

  /** The conflict state of a VIP. */
  stateOf(uid: string): ConflictState {
    return this.#conflicts.stateOf(uid);
  }

  /** A host claims an address. */
  heard = (claim: HeardClaim): void => {
    const { address, mac, link } = claim;
    const now = performance.now();
    if (this.#proxies.isQuestion(address, link)) {
      if (this.#proxies.heard(claim, address, now)) this.#stepSoon(now);
      return;
    }
    // Most frames on a link are about other addresses, and to find the node by its hardware address takes time.
    if (!this.#conflicts.isWatched(address, link)) return;
    const kind = this.#proxies.kindOf(claim, address, now);
    const isDue = this.#conflicts.heard({ ...claim, kind, node: this.#options.nodeOf(mac) }, now);
    if (isDue || kind === 'Unknown') this.#stepSoon(now);
  };

  /** Whether the host that claims an address is a proxy. If that is not known, it is asked. */
  kindOf = (claim: HeardClaim): HostKind => {
    const now = performance.now();
    const kind = this.#proxies.kindOf(claim, claim.address, now);
    if (kind === 'Unknown') this.#stepSoon(now);
    return kind;
  };

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** At once after the first claim, and then with those that follow. */
  #stepSoon(now: number): void {
    const at = this.#steppedAt + togetherMs;
    if (now >= at) this.#step(true);
    else if (at < this.#dueAt) this.#stepAt(at, now);
  }

  #stepAt(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#dueAt = at;
    if (Number.isFinite(at)) this.#timer = setTimeout(() => this.#step(true), Math.max(1, at - now));
  }

  #step = (emits: boolean): void => {
    const now = performance.now();
    this.#steppedAt = now;
    const proxies = this.#proxies.turn(now);
    this.#conflicts.settle((claim) => this.#proxies.kindOf(claim, claim.address, now), now);
    const { probes, defend, hasChanged, nextAt: dueAt } = this.#conflicts.turn(now);
    const nextAt = Math.min(proxies.nextAt, dueAt ?? Number.POSITIVE_INFINITY);
    if (proxies.ask.length > 0) this.asking.emit(proxies.ask);
    if (probes.length > 0) this.probing.emit(probes);
    for (const { address: vip, uid } of defend) {
      this.#options.log.warn({ vip, ...this.stateOf(uid) }, 'another host claims a VIP: announcing it again');
    }
    if (defend.length > 0) this.defending.emit(defend);
    this.#stepAt(nextAt, now);
    if (hasChanged && emits) this.changed.emit();
  };
}
