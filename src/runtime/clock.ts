/** A monotonic clock with timers. A part that takes it as an argument can also run in virtual time. */

/** Cancels a call that was not made yet. */
export type Cancel = () => void;

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds since an unspecified start. */
  readonly now: () => number;
  /** Calls back after this many milliseconds. */
  readonly after: (ms: number, call: () => void) => Cancel;
  /** Calls back after the pending events are processed. */
  readonly soon: (call: () => void) => Cancel;
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  soon: (call) => {
    const immediate = setImmediate(call);
    return () => clearImmediate(immediate);
  },
};
