/** Limits how many claims of other hosts one socket reports, so that a flood neither keeps the main thread busy nor hides other claims. */
import type { HeardClaim } from './responder-messages.ts';

/** The most claims in a window: of one host to one address, and in all. */
const most = { ofOne: 5, inAll: 500 } as const;
const windowMs = 1_000;

/** A claim, and whether its frame was sent to this host alone, as the answer to a probe is. */
type Heard = Pick<HeardClaim, 'address' | 'mac'> & { readonly isAnswer: boolean };

/**
 * The budget of one socket. A host that repeats one claim uses up its own part only. Answers have a budget of their own:
 * a takeover depends on them, and the nodes that take over send hundreds of gratuitous frames a second.
 */
export class ClaimBudget {
  readonly #answers = new Part();
  readonly #others = new Part();

  /** Whether a claim may be reported now. The time is in milliseconds on a monotonic clock. */
  allows({ isAnswer, ...claim }: Heard, now: number): boolean {
    return (isAnswer ? this.#answers : this.#others).allows(claim, now);
  }
}

/** The part of a budget that one kind of claims has. */
class Part {
  readonly #claims = new Map<string, number>();
  #since = Number.NEGATIVE_INFINITY;
  #total = 0;

  allows({ address, mac }: Omit<Heard, 'isAnswer'>, now: number): boolean {
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
