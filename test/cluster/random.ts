/** Random choices from a seed: the same seed makes the same choices, but not the same interleaving of processes. */

/** A source of random choices (mulberry32). */
export class Random {
  readonly seed: number;
  #state: number;

  /** `BERTH_SEED` repeats a run. */
  constructor(seed = Number(process.env.BERTH_SEED ?? Date.now() % 1_000_000)) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** A number that is at least 0 and less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A number between two limits, for example for a pause. */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** The items in random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): readonly T[] {
    const left = [...items];
    return items.flatMap(() => left.splice(Math.floor(this.next() * left.length), 1));
  }
}
