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
  'a node whose port is blocked and whose speaker stood still yields to the node that has taken its VIPs': {
    file: 'sim/wire.test.ts',
    fault:
      'a speaker that slept forgets the hardware addresses of its peers: behind a firewall two nodes hold its VIPs for ever',
    shows: /seed 1: two answers, five seconds after it woke up: 2000, at most 0/,
  },
  'a holder whose link works keeps its VIPs when the cables of all others are pulled out': {
    file: 'sim/wire.test.ts',
    fault:
      'a link on which no peer is heard any more counts as deaf, even where the peers say that they have lost theirs',
    shows: /seed 1: silence of a holder with a link: 4\d{3}, at most 0/,
  },
  'a host that is no node and answers for a VIP does not keep it from being taken from a dead holder': {
    file: 'sim/wire.test.ts',
    fault: 'any answer on the wire, of whatever hardware address, vetoes a takeover for as long as it comes',
    shows: /seed 1: silence of the VIP that a stranger answers for: 10000, at most 5000/,
  },
  'one-way loss between two nodes ends with one holder': {
    file: 'sim/wire.test.ts',
    fault: 'the node that hears nothing takes what it hears no answer for, and never learns that the other one goes on',
    shows: /seed 1: two answers, ten seconds later: 5000, at most 0/,
  },
  'a restart that one of the peers does not hear of moves nothing': {
    file: 'sim/wire.test.ts',
    fault: 'Restarting is said once: a peer that misses the datagram takes the node for dead',
    shows: /seed 1: moves by a restart: \d+, at most 0/,
  },
  // The wire and the links
  'a VIP that is given up while the worker takes it in is never announced': {
    file: 'unit/speaker/announcer.test.ts',
    fault: 'the state of before is announced when the worker has answered, although another one was applied meanwhile',
    shows: /announcements of 192\.0\.2\.10, which was given up\s+2 !== 0/,
  },
  // The data path
  // The chart and the command line
};
