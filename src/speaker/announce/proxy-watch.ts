/** Asks kube-proxy whether it knows the VIPs that are to be announced for the first time. */
import type { HeldVip } from '../../announce/conflict-detector.ts';
import { ProxySyncGate, type ProxySyncState } from '../../announce/proxy-sync-gate.ts';
import { readProxySync } from '../../kube/proxy-health.ts';

const askMs = 50;
/** Once all are announced, what is unproven can wait. */
const laterMs = 1_000;

/** Keeps asking while somebody waits. */
export class ProxyWatch {
  readonly #readinesses = new ProxySyncGate();
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `onChange` is called when a VIP need not wait any longer. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Takes in what is held. */
  observe(held: readonly HeldVip[]): void {
    this.#readinesses.observe(held, Date.now());
    if (this.#readinesses.isAsking) this.#timer ??= setTimeout(this.#ask, 0);
  }

  /** How it is with a VIP. */
  of(uid: string): ProxySyncState {
    return this.#readinesses.of(uid);
  }

  /** Asks no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #ask = async (): Promise<void> => {
    const changed = this.#readinesses.take(await readProxySync(), Date.now());
    this.#timer = undefined;
    if (this.#closed) return;
    if (this.#readinesses.isAsking) this.#timer = setTimeout(this.#ask, this.#readinesses.isPending ? askMs : laterMs);
    if (changed) this.#onChange();
  };
}
