/** The failure of a write that was decided on an old version of its object. */

/** A write came too late: its object has changed since it was read. What the informer knows now is the base of the next decision. */
export class LateWrite extends Error {
  /** The next decision may come after this time. */
  readonly pauseMs: number;

  constructor(what: string, pauseMs: number, cause: unknown) {
    super(`${what} has changed since it was read`, { cause });
    this.pauseMs = pauseMs;
  }
}
