/** Runs the watch for other hosts that use our VIPs, on the real clock. */
import { type ConflictState, Conflicts, type HeldVip } from '../../announce/conflict-detector.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';

/** What the watch works with. */
export interface ConflictWatchOptions {
  readonly log: Logger;
  /** The node of the cluster that has this hardware address. */
  readonly nodeOf: (mac: string) => string | undefined;
}

/** Watches the VIPs that this node holds. */
export class ConflictWatch {
  /** It must be asked on the wire which other hosts have these. */
  readonly probing = new Emitter<[vips: readonly HeldVip[]]>();
  /** These must be announced once more. */
  readonly defending = new Emitter<[vips: readonly HeldVip[]]>();
  /** The state of a VIP is another one, for a reason that `observe` did not bring. */
  readonly changed = new Emitter();
  readonly #options: ConflictWatchOptions;
  readonly #conflicts = new Conflicts();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  /** Takes in what is held, and the hosts that answer for any address. The states are up to date afterwards. */
  observe(held: readonly HeldVip[], proxies: ReadonlySet<string>): void {
    this.#conflicts.observe(held, proxies, performance.now());
    this.#step(false);
  }

  /** What is known of a VIP. */
  stateOf(uid: string): ConflictState {
    return this.#conflicts.stateOf(uid);
  }

  /** Somebody says that an address is its own. */
  heard = (address: string, mac: string): void => {
    // Most of what is heard on a link is of no interest, and whose hardware address that is takes some looking.
    if (!this.#conflicts.isWatched(address)) return;
    const node = this.#options.nodeOf(mac);
    if (this.#conflicts.heard({ address, mac, node }, performance.now())) this.#step(true);
  };

  /** Watches no more. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #step = (emits: boolean): void => {
    clearTimeout(this.#timer);
    const now = performance.now();
    const { asks, defend, hasChanged, nextAt } = this.#conflicts.turn(now);
    if (asks.length > 0) this.probing.emit(asks);
    for (const { address: vip, uid } of defend) {
      this.#options.log.warn({ vip, ...this.stateOf(uid) }, 'another host claims a VIP: announced again');
    }
    if (defend.length > 0) this.defending.emit(defend);
    if (nextAt !== undefined) this.#timer = setTimeout(() => this.#step(true), Math.max(1, nextAt - now));
    if (hasChanged && emits) this.changed.emit();
  };
}
