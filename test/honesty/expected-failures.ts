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
  'overlapping source ranges of one Service keep the rules of no Service out of the kernel': {
    file: 'net/raw/refusals.test.ts',
    fault: 'nft refuses overlapping ranges, and with them the whole transaction: no VIP of the node has rules',
    shows: /10\.0\.0\.0\/8,10\.1\.0\.0\/16: Refused/,
  },
  'an address whose rules the kernel does not take keeps the rules of no other one out': {
    file: 'net/raw/refusals.test.ts',
    fault: 'what the kernel refuses is not isolated: one bad element keeps all rules out',
    shows: /^AssertionError.*: Refused/,
  },
  'what is loaded is kept alive while a change is refused': {
    file: 'net/raw/refusals.test.ts',
    fault: 'after a refused change nothing is renewed, and the rules that are loaded run out after ten minutes',
    shows: /the gate is open for another while: it gave false/,
  },
  'a link of any name that the kernel allows keeps no rule out of the kernel': {
    file: 'net/raw/refusals.test.ts',
    fault: "a link's name goes into nft's text as it is: a quote or a star in it keeps all rules out",
    shows: /unexpected string, expecting comma or '\}'/,
  },
  'links whose names differ in one sign are each a way in for Spread': {
    file: 'net/raw/refusals.test.ts',
    fault:
      'all signs become "_" in the names of chains, so that one of two links (v0.1, v0-1) has no chain, without a word',
    shows: /the links that have a hook/,
  },
  'what another speaker calls its hardware address adds no rule': {
    file: 'net/raw/refusals.test.ts',
    fault: "a peer's hardware address goes into nft's text unchecked",
    shows: /a rule of a stranger is in the kernel/,
  },
  'a range in a spelling that Kubernetes reads lets in those that Kubernetes would let in': {
    file: 'net/raw/packets.test.ts',
    fault:
      'a range that our parser does not read is left out, and a Service without any other range is open to everybody',
    shows: /a client outside of the range\s+\+ actual - expected\s+\+ 'Answered'/,
  },
  'ranges of the other family alone mean the same with both hand-offs': {
    file: 'net/raw/packets.test.ts',
    fault: 'kube-proxy lets every client in, and hand-off NodePort none',
    shows: /NodePort: 'Timeout'\s+- +NodePort: 'Answered'/,
  },
  'a port that is handed to a node port is served by a node that reports no address of the family': {
    file: 'net/raw/packets.test.ts',
    fault: 'there is nothing to rewrite to, the packets are dropped in silence, and no status says so',
    shows: /a client of the VIP\s+\+ actual - expected\s+\+ 'Timeout'/,
  },
  'packets for an address that another host was found to have are left alone': {
    file: 'net/raw/packets.test.ts',
    fault: 'Pods that talk to the host which has the address (AddressTaken) are reset on the way',
    shows: /a Pod that talks to the stranger\s+\+ actual - expected\s+\+ 'ECONNREFUSED'/,
  },
  'a node that cannot be asked for is not dead because its speaker is silent': {
    file: 'unit/dataplane/dead-nodes.test.ts',
    fault: 'three seconds of silence of its speaker make a node behind a router dead',
    shows: /dead by our own silence/,
  },
  'a node behind a router gets its new connections although its speaker is silent': {
    file: 'net/raw/dead-nodes.test.ts',
    fault: 'new connections to the Pods of a node are dropped because we do not hear its speaker',
    shows: /Pods of a node that only we do not hear/,
  },
  "a node's own addresses are never avoided, whatever runs on its network": {
    file: 'net/raw/dead-nodes.test.ts',
    fault:
      'endpoints on the host network make the address of the node a dead endpoint, and with it SSH and the kubelet',
    shows: /SSH, kubelet and the API server are there as well/,
  },
  'a Pod of a living node stays reachable, whatever node another slice names for its address': {
    file: 'net/raw/dead-nodes.test.ts',
    fault: 'an EndpointSlice is believed that puts the address of any Pod or node at a dead node',
    shows: /what a stranger says of living nodes/,
  },
  'a VIP is found well once another Pod serves it, however often the dead one was knocked at': {
    file: 'net/knocking-again.test.ts',
    fault: 'every knock is from one source port: each refreshes the tracked connection that leads to the dead Pod',
    shows: /four rows of knocks went to the dead Pod/,
  },
  'readers of the metrics that come one after the other start no program for each': {
    file: 'net/scrapes.test.ts',
    fault: 'each scrape of /metrics starts nft four times, and the port is open to the network of the nodes',
    shows: /20 programs were started for five readers, 4 for the first/,
  },
  'a speaker hears both families where sockets of IPv6 are for IPv6 alone by default': {
    file: 'net/ipv4-only-sockets.test.ts',
    fault: 'with net.ipv6.bindv6only=1 no heartbeat of IPv4 is heard',
    shows: /-\s+'by IPv4',\s+'by IPv6'/,
  },
  // What is written to the API
  'the Event about a pool is taken however long the name of the pool is': {
    file: 'unit/written/controller.test.ts',
    fault:
      'the name of the Event is that of the pool and a dash: of the longest names that is too long, and the Event is refused',
    shows: /name of an Event: 254 characters, 253 at most/,
  },
  'a Service gets its status however long the words of its annotations are': {
    file: 'unit/written/controller.test.ts',
    fault: 'the condition HandOff repeats the annotation: the status is refused, and the Service gets no address',
    shows: /message: \d+ characters, 32768 at most/,
  },
  'an address that is spread over a hundred nodes has a record of its holder': {
    file: 'unit/written/speaker.test.ts',
    fault: 'the condition Spread names all nodes: the whole status is refused, with the holder in it',
    shows: /message: \d+ characters, 1024 at most/,
  },
  'an address that is announced on forty links has a record of its holder': {
    file: 'unit/written/speaker.test.ts',
    fault: 'the condition Announced names all links: the whole status is refused, with the holder in it',
    shows: /message: \d+ characters, 1024 at most/,
  },
  'a record that the API server refuses is told to people': {
    file: 'unit/written/speaker.test.ts',
    fault: 'a refused status of an IPAllocation is logged at level debug, which nobody sees',
    shows: /said at level debug alone/,
  },
  // The chart and the command line
  'the advice for what a load balancer of node addresses has left behind leads to an address': {
    file: 'unit/cli/remedies.test.ts',
    fault: 'to take over addresses of nodes (servicelb of K3s) is advised, and ends in AddressNotInPool for ever',
    shows: /AddressNotInPool: 192\.0\.2\.101 is in no IPAddressPool/,
  },
  'nodes that are excluded are candidates where no other node could serve, as the tool sees them': {
    file: 'unit/cli/remedies.test.ts',
    fault: 'a node that runs no speaker counts as one that could serve',
    shows: /'n1 Excluded'/,
  },
  'nodes that are excluded are candidates where no other node could serve': {
    file: 'unit/cli/remedies.test.ts',
    fault: 'a node that runs no speaker counts as one that could serve, and no address is announced',
    shows: /the nodes that may announce the address/,
  },
  'a release may have as long a name as Helm lets it have': {
    file: 'cluster/chart.test.ts',
    fault: 'with a name of more than 44 characters the Service of the metrics has more than 63, and is refused',
    shows: /Service r+-controller-metrics: 72 characters, 63 at most/,
  },
  'a release may have a name that YAML reads as a number or as another word of its own': {
    file: 'cluster/chart.test.ts',
    fault: 'the name of the release stands in labels without quotes: a number is no label',
    shows: /label app\.kubernetes\.io\/instance is no text but 12345/,
  },
  'no annotations for all objects may be written as null': {
    file: 'cluster/chart.test.ts',
    fault: 'a template merges them as they are, and Helm ends with an error about its own words',
    shows: /berth\.metadata.*wrong type|error calling merge|executing "berth\.metadata"/,
  },
  'a map of values that is null counts as empty, or is refused by a word that names it': {
    file: 'cluster/chart.test.ts',
    fault: 'a template reads fields of what is not there, and Helm ends with an error about its own words',
    shows: /nil pointer evaluating interface/,
  },
};
