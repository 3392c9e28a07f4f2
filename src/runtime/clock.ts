/** A clock that never goes back, and calls back. What takes it as an argument also runs in virtual time. */

/** Cancels a call that has not come yet. */
export type Cancel = () => void;

/** The clock. */
export interface Clock {
  /** Milliseconds since some moment. */
  readonly now: () => number;
  /** Calls back after so many milliseconds. */
  readonly after: (ms: number, call: () => void) => Cancel;
  /** Calls back as soon as what waits now has been taken in. */
  readonly soon: (call: () => void) => Cancel;
}

/** This process's clock. */
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
