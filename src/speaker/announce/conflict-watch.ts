/** Detects other hosts that use this node's VIPs: runs the conflict detector on the real clock. */
import { type ConflictState, Conflicts, type HeldVip } from '../../announce/conflict-detector.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';

/** What the watch works with. */
interface ConflictWatchOptions {
  readonly log: Logger;
  /** The node of the cluster that has this hardware address. */
  readonly nodeOf: (mac: string) => string | undefined;
}

/** Watches the VIPs that this node holds. */
export class ConflictWatch {
  /** These VIPs must be probed. */
  readonly probing = new Emitter<[vips: readonly HeldVip[]]>();
  /** These VIPs must be announced again. */
  readonly defending = new Emitter<[vips: readonly HeldVip[]]>();
  /** The state of a VIP has changed, but not by a call of `observe`. */
  readonly changed = new Emitter();
  readonly #options: ConflictWatchOptions;
  readonly #conflicts = new Conflicts();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  /** Sets the VIPs that are held, and the hosts that answer for any address. Updates all states before it returns. */
  observe(held: readonly HeldVip[], proxies: ReadonlySet<string>): void {
    this.#conflicts.observe(held, proxies, performance.now());
    this.#step(false);
  }

  /** The conflict state of a VIP. */
  stateOf(uid: string): ConflictState {
    return this.#conflicts.stateOf(uid);
  }

  /** A host claims an address. */
  heard = (claim: HeardClaim): void => {
    const { address, mac, link } = claim;
    // Most frames on a link are about other addresses, and to find the node by its hardware address takes time.
    if (!this.#conflicts.isWatched(address, link)) return;
    const node = this.#options.nodeOf(mac);
    if (this.#conflicts.heard({ ...claim, node }, performance.now())) this.#step(true);
  };

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #step = (emits: boolean): void => {
    clearTimeout(this.#timer);
    const now = performance.now();
    const { probes, defend, hasChanged, nextAt } = this.#conflicts.turn(now);
    if (probes.length > 0) this.probing.emit(probes);
    for (const { address: vip, uid } of defend) {
      this.#options.log.warn({ vip, ...this.stateOf(uid) }, 'another host claims a VIP: announcing it again');
    }
    if (defend.length > 0) this.defending.emit(defend);
    if (nextAt !== undefined) this.#timer = setTimeout(() => this.#step(true), Math.max(1, nextAt - now));
    if (hasChanged && emits) this.changed.emit();
  };
}
