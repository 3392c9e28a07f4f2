/** When to try again what failed, for each thing by itself: one that always fails slows nobody else. */

const pauseMs = { first: 500, most: 60_000 } as const;

/** Remembers failures by key. */
export class Backoff {
  readonly #failures = new Map<string, { readonly count: number; readonly notBefore: number }>();

  /** May the thing be tried now? */
  isDue(key: string): boolean {
    return (this.#failures.get(key)?.notBefore ?? 0) <= performance.now();
  }

  /** It failed: the next try has to wait, twice as long each time. Returns for how long. */
  failed(key: string): number {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const ms = Math.min(pauseMs.first * 2 ** (count - 1), pauseMs.most);
    this.#failures.set(key, { count, notBefore: performance.now() + ms });
    return ms;
  }

  /** It worked, or is gone. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Forgets what is not known any longer, so that nothing stays of what is gone. */
  keepOnly(isKnown: (key: string) => boolean): void {
    for (const key of this.#failures.keys()) if (!isKnown(key)) this.#failures.delete(key);
  }
}
