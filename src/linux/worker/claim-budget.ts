/** Limits how many claims of other hosts one socket reports, so that a flood neither keeps the main thread busy nor hides other claims. */
import type { HeardClaim } from './responder-messages.ts';

/** The most claims in a window: of one host to one address, and in all. */
const most = { ofOne: 5, inAll: 500 } as const;
const windowMs = 1_000;

/** The budget of one socket. A host that repeats one claim uses up its own part only. */
export class ClaimBudget {
  readonly #claims = new Map<string, number>();
  #since = Number.NEGATIVE_INFINITY;
  #total = 0;

  /** Whether a claim may be reported now. The time is in milliseconds on a monotonic clock. */
  allows({ address, mac }: Pick<HeardClaim, 'address' | 'mac'>, now: number): boolean {
    if (now - this.#since >= windowMs) {
      this.#since = now;
      this.#total = 0;
      this.#claims.clear();
    }
    if (this.#total >= most.inAll) return false;
    const key = `${mac} ${address}`;
    const claims = this.#claims.get(key) ?? 0;
    if (claims >= most.ofOne) return false;
    this.#claims.set(key, claims + 1);
    this.#total += 1;
    return true;
  }
}
