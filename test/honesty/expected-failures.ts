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
  'of Services that share an address the one leaves it that was changed, whatever was changed': {
    file: 'unit/ipam/keeping.test.ts',
    fault:
      'the ledger knows neither policy nor selector, so the younger Service leaves, also where the older one was changed',
    shows: /of the older one[^:]*: a\/older 192\.0\.2\.1; a\/younger (?!192\.0\.2\.1)/,
  },
  'Services with the policy Local share an address only if they have the same Pods': {
    file: 'unit/ipam/keeping.test.ts',
    fault: 'equal selectors of two namespaces, and two empty ones, count as one set of Pods',
    shows: /(?:two namespaces|no selectors) share 192\.0\.2\.1/,
  },
  'a Service keeps its address when the pool that it asks for is split or renamed': {
    file: 'unit/ipam/keeping.test.ts',
    fault:
      'the wish is judged against the name of the pool that has the address today: the Service gets another address',
    shows: /(?:split|renamed[^:]*): a\/s (?:192\.0\.2\.5|198\.51\.100\.1)/,
  },
  'an address is free once no Service shows it, also none that is being deleted': {
    file: 'unit/ipam/keeping.test.ts',
    fault: 'a Service that a finalizer keeps counts as gone: the next one gets its address while it still shows it',
    shows: /two Services show one address: a\/ending 192\.0\.2\.1, a\/next 192\.0\.2\.1/,
  },
  'a Service that was made anew stays in its entry, whatever a controller knows that lags behind': {
    file: 'unit/ipam/keeping.test.ts',
    fault: 'nothing asks whether the Services are gone that an update strikes from an entry (`Bind.former`)',
    shows: /the entry of 192\.0\.2\.1 names the former Service, and the new one shows the address/,
  },
  'a pool with a time that no clock can show stops no other Service': {
    file: 'unit/ipam/tenants.test.ts',
    fault: 'the decision about one entry throws, and with it the whole pass',
    shows: /the other Service waits: Invalid time value/,
  },
  'addresses that are kept back for a conflict count in the quota of the namespace that had them': {
    file: 'unit/ipam/tenants.test.ts',
    fault: 'addresses that are kept back for a conflict count in no quota',
    shows: /namespace a keeps 4 addresses of a pool with a quota of 2/,
  },
  'a pass over Services of one sharing key costs as much for each of them, however many they are': {
    file: 'unit/ipam/tenants.test.ts',
    fault: 'each Service looks at all addresses of its key and at all Services that share them',
    shows: /it grows: \d+ looks for each of 50 Services, \d+ for each of 400/,
  },
  'a sharing key is the same with spaces and line ends around it': {
    file: 'unit/api/spelling.test.ts',
    fault: 'the annotation allow-shared-ip is not trimmed',
    shows: /b 192\.0\.2\.2/,
  },
  'a value of the annotation take-over that means nothing is told, or taken as it was meant': {
    file: 'unit/api/spelling.test.ts',
    fault: 'every value but "true" is silently no',
    shows: /"True" does nothing, and all that is said is: status\.loadBalancer is written by metallb/,
  },
  'a pool says that an entry with host bits stands for its whole network': {
    file: 'unit/api/spelling.test.ts',
    fault: '192.168.1.240/24 becomes .0 to .255 without a word',
    shows: /every entry can be used/,
  },
  'a source range in a spelling of old times keeps everybody else out': {
    file: 'unit/api/spelling.test.ts',
    fault: 'a source range that is not understood counts as none, and none means everybody',
    shows: /everybody may come in/,
  },
  // The API server and its clients
  // Who holds an address
  // The wire and the links
  // The data path
  // The chart and the command line
};
