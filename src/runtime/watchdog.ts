/** Detects a loop that is stuck: a process that only answers its health endpoint does not work. */

/** Watches one loop. The loop calls `beat` regularly. */
export class Watchdog {
  readonly #mostMs: number;
  #beatAt: number | undefined;

  /** `mostMs`: a longer pause between two beats is a fault. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs;
  }

  /** Records that the loop makes progress. */
  beat(): void {
    this.#beatAt = performance.now();
  }

  /** Suspends the watch, because the loop has ended. */
  rest(): void {
    this.#beatAt = undefined;
  }

  /** The fault; undefined while the loop makes progress or is not watched. */
  fault(): string | undefined {
    if (this.#beatAt === undefined) return undefined;
    const silentMs = performance.now() - this.#beatAt;
    return silentMs > this.#mostMs ? `made no progress for ${Math.round(silentMs / 1000)} s` : undefined;
  }
}
