/** Asks kube-proxy whether it knows the VIPs that are to be announced for the first time. */
import type { HeldVip } from '../../announce/conflict-detector.ts';
import { ProxySyncGate, type ProxySyncState } from '../../announce/proxy-sync-gate.ts';
import { readProxySync } from '../../kube/proxy-health.ts';
import { Emitter } from '../../runtime/emitter.ts';

const queryMs = 50;
/** Once all are announced, what is unproven can wait. */
const unprovenQueryMs = 1_000;

/** Keeps asking while somebody waits. */
export class ProxyWatch {
  /** A VIP need not wait any longer. */
  readonly changed = new Emitter();
  readonly #gate = new ProxySyncGate();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Takes in what is held. */
  observe(held: readonly HeldVip[]): void {
    this.#gate.observe(held, Date.now());
    if (this.#gate.isAsking) this.#timer ??= setTimeout(this.#query, 0);
  }

  /** How it is with a VIP. */
  of(uid: string): ProxySyncState {
    return this.#gate.of(uid);
  }

  /** Asks no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #query = async (): Promise<void> => {
    const changed = this.#gate.take(await readProxySync(), Date.now());
    this.#timer = undefined;
    if (this.#closed) return;
    if (this.#gate.isAsking) this.#timer = setTimeout(this.#query, this.#gate.isPending ? queryMs : unprovenQueryMs);
    if (changed) this.changed.emit();
  };
}
