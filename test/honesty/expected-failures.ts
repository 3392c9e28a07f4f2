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
  'the address of a Service that is being deleted goes to no other one before its status shows it no longer': {
    file: 'cluster/late-writes.test.ts',
    fault:
      'The entry of a Service in Terminating is released while its status, and so kube-proxy, still shows the address.',
    shows: /a finalizer keeps ha-a\/s0: (?:uncovered|doubled) 198\.18\./,
  },
  // The API server and its clients
  // Who holds an address
  // The wire and the links
  'no address is announced while another host answers for it, however many addresses that host has': {
    file: 'cluster/conflicts.test.ts',
    fault:
      "A host that answers for three of the pool's addresses is taken for a proxy: the fourth is announced beside it.",
    shows: /is announced, and [0-9a-f:]{17}, which is no node's, answers for it/,
  },
  // The data path
  // The chart and the command line
};
