/**
 * Remembers which datagrams of a path have arrived (as RFC 4303 section 3.4.3 does): each counts once, also a late one.
 */

/** A datagram that is this far behind the newest one is too old. */
export const windowSize = 2_048;

/** The sequences that have arrived. */
export class ReplayWindow {
  #highest = -1;
  readonly #seen = new Set<number>();

  /** Notes a sequence. Is it the newest one, late, or a replay (it came before, or is too old)? */
  take(sequence: number): 'Newest' | 'Late' | 'Replayed' {
    if (sequence <= this.#highest - windowSize || this.#seen.has(sequence)) return 'Replayed';
    this.#seen.add(sequence);
    if (sequence < this.#highest) return 'Late';
    if (this.#seen.size > 2 * windowSize) {
      for (const one of this.#seen) if (one <= sequence - windowSize) this.#seen.delete(one);
    }
    this.#highest = sequence;
    return 'Newest';
  }
}
