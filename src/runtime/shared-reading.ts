/** A reading that costs time, shared by all its readers: however often they ask, it is repeated only after a pause. */

/** The pause is at least this multiple of the time that the reading took: it then takes at most a twentieth of the time. */
const pauseFactor = 20;

/** Shares the result of `read`. */
export class SharedReading<T> {
  readonly #read: () => Promise<T>;
  readonly #pauseMs: number;
  #last: Promise<T> | undefined;
  #isRunning = false;
  #staleAt = 0;

  /** `pauseMs`: a result is shared for at least this time. */
  constructor(read: () => Promise<T>, pauseMs: number) {
    this.#read = read;
    this.#pauseMs = pauseMs;
  }

  /** The result of the present or the last reading, or of a new one. Rejects if that reading failed. */
  get(): Promise<T> {
    if (this.#last !== undefined && (this.#isRunning || performance.now() < this.#staleAt)) return this.#last;
    const began = performance.now();
    this.#isRunning = true;
    this.#last = this.#read().finally(() => {
      const now = performance.now();
      this.#isRunning = false;
      this.#staleAt = now + Math.max(this.#pauseMs, pauseFactor * (now - began));
    });
    return this.#last;
  }
}
