/** Exponential backoff per key: a key that always fails does not delay the others. */

const pauseMs = { first: 500, most: 60_000 } as const;

/** Counts failures by key. */
export class Backoff {
  readonly #failures = new Map<string, { readonly count: number; readonly notBefore: number }>();

  /** May this key be tried now? */
  isDue(key: string): boolean {
    return (this.#failures.get(key)?.notBefore ?? 0) <= performance.now();
  }

  /** The number of failures in a row. */
  failures(key: string): number {
    return this.#failures.get(key)?.count ?? 0;
  }

  /**
   * Records a failure, and returns the pause before the next attempt, in milliseconds. The pause doubles with each failure. The first
   * `free` failures in a row have no pause.
   */
  failed(key: string, free = 0): number {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const ms = count <= free ? 0 : Math.min(pauseMs.first * 2 ** (count - free - 1), pauseMs.most);
    this.#failures.set(key, { count, notBefore: performance.now() + ms });
    return ms;
  }

  /** Resets a key that succeeded or no longer exists. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Removes the keys that no longer exist. */
  keepOnly(isKnown: (key: string) => boolean): void {
    for (const key of this.#failures.keys()) if (!isKnown(key)) this.#failures.delete(key);
  }
}
