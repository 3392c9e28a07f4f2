/** Queries kube-proxy for its last synchronization, until it has rules for the VIPs that this node will announce for the first time. */

import { ProxySyncGate, type ProxySyncState } from '../../announce/proxy-sync-gate.ts';
import type { HeldVip } from '../../announce/watched-vip.ts';
import { readProxySync } from '../../kube/proxy-health.ts';
import { Emitter } from '../../runtime/emitter.ts';

/** The pause between two queries while a VIP waits. */
const queryMs = 50;
/** The pause once no VIP waits, but some were announced without proof. */
const unprovenQueryMs = 1_000;

/** Queries kube-proxy as long as the state of a VIP depends on it. */
export class ProxyWatch {
  /** The state of a VIP has changed. */
  readonly changed = new Emitter();
  readonly #gate = new ProxySyncGate();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Sets the VIPs that this node holds. */
  observe(held: readonly HeldVip[]): void {
    this.#gate.observe(held, performance.now());
    if (this.#gate.needsReport) this.#timer ??= setTimeout(this.#query, 0);
  }

  /** The state of a VIP. */
  of(uid: string): ProxySyncState {
    return this.#gate.of(uid);
  }

  /** Ends the queries. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #query = async (): Promise<void> => {
    const last = await readProxySync();
    const changed = this.#gate.take(last, { wall: Date.now(), monotonic: performance.now() });
    this.#timer = undefined;
    if (this.#closed) return;
    if (this.#gate.needsReport) this.#timer = setTimeout(this.#query, this.#gate.isPending ? queryMs : unprovenQueryMs);
    if (changed) this.changed.emit();
  };
}
