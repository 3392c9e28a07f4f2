/** Remembers which decisions are in effect, so that a pass checks only those that changed. */
import type { Decision } from '../ipam/decision.ts';

/**
 * Decisions that were found in effect. A decision object is made again whenever its Service, its entries or the pools change, so the same
 * object needs no second check.
 */
export class InEffect {
  #decisions = new WeakSet<Decision>();
  #advertised = '';

  /** Forgets all decisions if the advertisements changed: a status depends on them too. */
  forget(advertised: string): void {
    if (advertised === this.#advertised) return;
    this.#advertised = advertised;
    this.#decisions = new WeakSet();
  }

  /** Was this decision found in effect? */
  has(decision: Decision): boolean {
    return this.#decisions.has(decision);
  }

  /** Records that this decision is in effect. */
  add(decision: Decision): void {
    this.#decisions.add(decision);
  }
}
