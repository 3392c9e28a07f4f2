/** Tells when something that should turn for ever has stood still. A process that only answers its health port is not well. */

/** Beats while a loop turns. */
export class Watchdog {
  readonly #mostMs: number;
  #beatAt: number | undefined;

  /** `mostMs`: the longest pause from one beat to the next that is not a fault. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs;
  }

  /** It turns. */
  beat(): void {
    this.#beatAt = performance.now();
  }

  /** It has ended, or has not begun: nothing is expected of it. */
  rest(): void {
    this.#beatAt = undefined;
  }

  /** What is wrong; undefined while it turns or rests. */
  fault(): string | undefined {
    if (this.#beatAt === undefined) return undefined;
    const silentMs = performance.now() - this.#beatAt;
    return silentMs > this.#mostMs ? `has not turned for ${Math.round(silentMs / 1000)} s` : undefined;
  }
}
