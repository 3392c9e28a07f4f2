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
  'what a pass costs grows with the Services, not with their square': {
    file: 'unit/ipam/cost.test.ts',
    fault: 'one sharing key with 4,000 Services takes 18 s in one pass, longer than the lease',
    shows: /times the work for four times the Services/,
  },
  'an address that a Service on its way out still shows is given to no other': {
    file: 'control/addresses.test.ts',
    fault: 'a Service with a finalizer and a deletionTimestamp counts as gone',
    shows: /two Services showed one address at once/,
  },
  'an entry that names the present Service is not rewritten for its former self': {
    file: 'control/addresses.test.ts',
    fault: 'the writer does not ask whether those in Bind.former are gone',
    shows: /the entry names a Service that is gone/,
  },
  'labels, annotations, owners and finalizers of others stay on an entry': {
    file: 'control/addresses.test.ts',
    fault: 'entries are replaced as a whole, by what Berth knows of them',
    shows: /what others wrote on the entry is gone/,
  },
  'the end of a move leaves a reservation as it is': {
    file: 'control/addresses.test.ts',
    fault: 'the end of a move writes the entry as one in use',
    shows: /the reservation is gone/,
  },
  'a pool on its way out gives no address to a new Service': {
    file: 'control/addresses.test.ts',
    fault: 'the deletionTimestamp of a pool is not looked at',
    shows: /has an address of a pool that is being deleted/,
  },
  'an entry on its way out takes no new Service': {
    file: 'control/addresses.test.ts',
    fault: 'the deletionTimestamp of an entry is not looked at',
    shows: /joined an entry that is being deleted/,
  },
  // The API server and its clients
  'a Service with a source range in an old spelling is not one without source ranges': {
    file: 'unit/api/views.test.ts',
    fault: 'a range that Berth does not read counts as no range at all, and lets everybody in',
    shows: /it is open to everybody/,
  },
  'a condition that another program holds on to is not written again and again': {
    file: 'control/tenants.test.ts',
    fault: 'a status that another manager co-owns is written in every pass, and each write leads to a pass',
    shows: /the same status is written without end/,
  },
  'Services whose status cannot be written do not keep others waiting': {
    file: 'control/tenants.test.ts',
    fault: 'the first hundred statuses that tell of announcements are always the same ones',
    shows: /the Service after a hundred bad ones is not told/,
  },
  'an entry that a finalizer keeps does not stop allocation': {
    file: 'control/tenants.test.ts',
    fault: 'an entry counts as gone once its deletion was taken, and its address is chosen again and again',
    shows: /b has no address, though 19 are free/,
  },
  'a leader that slept through its time writes nothing any more': {
    file: 'control/tenants.test.ts',
    fault: 'a pass goes on writing until a timer has found out that the lease is over',
    shows: /statuses were written after the lease had run out/,
  },
  'one request that hangs does not cost the lead': {
    file: 'control/election.test.ts',
    fault: 'one attempt to renew may take all of the time that is left',
    shows: /the lead is lost, though every other request was answered/,
  },
  'a leader that ends in the middle of a renewal gives its Lease back': {
    file: 'control/election.test.ts',
    fault: 'the Lease is given back as it was before the renewal whose answer was not waited for, which is refused',
    shows: /the successor has to wait until the Lease runs out/,
  },
  'after a list the views are what the list says, also when the cluster was set back': {
    file: 'control/restore.test.ts',
    fault: 'a list does not replace what has a higher version',
    shows: /the views are of before the restore/,
  },
  'a leader goes on when the cluster was set back': {
    file: 'control/restore.test.ts',
    fault: 'what is read after a conflict counts for nothing where its version is lower',
    shows: /the entry cannot be written any more/,
  },
  'a status that was refused because the Service was touched is written without a wait': {
    file: 'control/restore.test.ts',
    fault: 'a refused status is tried again when something else wakes the controller, or after a minute',
    shows: /the Service waits for the next look at everything/,
  },
  "the speakers' key is made again when it was deleted": {
    file: 'control/restore.test.ts',
    fault: 'the Secret of the key is made once by each leader',
    shows: /the key is not made again/,
  },
  'a proxy that the kubeconfig names is used': {
    file: 'control/connection.test.ts',
    fault: 'proxy-url is not read',
    shows: /the proxy of the kubeconfig is not asked \(1 went past it\)/,
  },
  'a proxy that the environment names is used': {
    file: 'control/connection.test.ts',
    fault: 'HTTPS_PROXY is not read',
    shows: /the proxy of the environment is not asked/,
  },
  'an API server whose authority was replaced is trusted again without a restart': {
    file: 'control/connection.test.ts',
    fault: 'the certificates of the authority are read once',
    shows: /the new authority is not trusted/,
  },
  'an uninstallation goes on when a Pod has just gone': {
    file: 'control/hooks.test.ts',
    fault: 'one 404 ends it',
    shows: /it fails: a fault of the test/,
  },
  'an uninstallation goes on when the API server was busy for a moment': {
    file: 'control/hooks.test.ts',
    fault: 'one 429 ends it',
    shows: /it fails: a fault of the test/,
  },
  // Who holds an address
  // The wire and the links
  // The data path
  // The chart and the command line
};
