/** Remembers which decisions are in effect, so that a pass looks only at what has changed. */
import type { Decision } from '../ipam/decision.ts';

/** DecisionCache that were found in effect. One stands for its Service, its entries and the pools as they were: nothing else has to be looked at again. */
export class InEffect {
  #decisions = new WeakSet<Decision>();
  #advertised = '';

  /** What is advertised is the only other thing that a status depends on. */
  forget(advertised: string): void {
    if (advertised === this.#advertised) return;
    this.#advertised = advertised;
    this.#decisions = new WeakSet();
  }

  /** Was it found in effect? */
  has(decision: Decision): boolean {
    return this.#decisions.has(decision);
  }

  /** It is in effect. */
  add(decision: Decision): void {
    this.#decisions.add(decision);
  }
}
