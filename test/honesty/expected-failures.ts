/**
 * The faults that are known and not mended yet. Each one has a test that states what Berth promises and fails today.
 *
 * The runner expects that failure: the run stays green while the fault is there, and turns red when the fault is mended, so that
 * the entry is deleted here. A failure with another text than `shows` is a failure of the run.
 */

/** One fault and the test that shows it. */
export interface ExpectedFailure {
  /** The file of the test, below `test/`. */
  readonly file: string;
  /** What Berth does today instead of what the test's name promises. */
  readonly fault: string;
  /** What the message of the failing assertion must match. */
  readonly shows: RegExp;
}

/** Faults by the name of the test that shows them. */
export const expectedFailures: Readonly<Record<string, ExpectedFailure>> = {
  // Allocation
  // The API server and its clients
  // Who holds an address
  // The wire and the links
  // The data path
  // The chart and the command line
};
