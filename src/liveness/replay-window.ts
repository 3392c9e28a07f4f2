/** Which datagrams of a path have come already (as RFC 4303 section 3.4.3 does it): each counts once, late ones too. */

/** A datagram that is so many behind the newest is too old. */
export const windowSize = 2_048;

/** The sequences that have come. */
export class ReplayWindow {
  #highest = -1;
  readonly #seen = new Set<number>();

  /** Takes in a sequence: is it the newest, one that was overtaken, or one that came before or is too old? */
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
