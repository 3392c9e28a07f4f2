/**
 * The faults that are known and not fixed yet. Each one has a test that states what Berth promises, and fails today.
 *
 * The runner expects that failure. The run stays green while the fault exists, and turns red when the fault is fixed, so that the
 * entry is deleted here. A failure whose message does not match `shows` is a failure of the run.
 */

/** One fault and the test that shows it. */
export interface ExpectedFailure {
  /** The file of the test, below `test/`. */
  readonly file: string;
  /** The behavior of today, instead of the promise in the test's name. */
  readonly fault: string;
  /** The message of the failing assertion must match this. */
  readonly shows: RegExp;
}

/** Faults by the name of the test that shows them. */
export const expectedFailures: Readonly<Record<string, ExpectedFailure>> = {};
