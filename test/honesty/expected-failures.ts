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
export const expectedFailures: Readonly<Record<string, ExpectedFailure>> = {
  // Who holds an address
  'a node whose port is blocked while the cluster starts holds no VIP that another node holds': {
    file: 'sim/wire.test.ts',
    fault: 'a node that has never heard its peers does not know their hardware addresses, and yields to none of them',
    shows: /seed \d: two answers, eight seconds after the start: 1000, at most 0/,
  },
  'a holder whose link works keeps its VIPs when all other nodes lose their links': {
    file: 'sim/wire.test.ts',
    fault:
      'a link on which no peer is heard any more counts as one without inbound traffic, even if the peers report that their links are down',
    shows: /seed 1: silence of a holder with a link: 4\d{3}, at most 0/,
  },
  'a host that is no node and answers for a VIP does not prevent the takeover from a dead holder': {
    file: 'sim/wire.test.ts',
    fault: 'any answer to a probe, from any hardware address, prevents a takeover as long as answers come',
    shows: /seed 1: silence of the VIP that a foreign host answers for: 10000, at most 5000/,
  },
  'one-way loss between two nodes ends with one holder': {
    file: 'sim/wire.test.ts',
    fault:
      'the node that hears nothing takes over VIPs without an answer, and never learns that the other node still answers',
    shows: /seed 1: two answers, ten seconds later: 5000, at most 0/,
  },
};
