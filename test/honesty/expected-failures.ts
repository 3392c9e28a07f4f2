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
  'a node whose port is blocked while the cluster starts holds no VIP beside another node': {
    file: 'sim/wire.test.ts',
    fault: 'a node that never heard its peers knows none of their hardware addresses, and yields to none of them',
    shows: /seed \d: two answers, eight seconds after the start: 1000, at most 0/,
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
  'a takeover of thousands of VIPs is told in many turns, between which beats go out': {
    file: 'unit/speaker/datagrams.test.ts',
    fault: 'all claims go to every peer in one turn, before the next beat: the one that has taken over looks dead',
    shows: /80\d datagrams in one turn/,
  },
  'what cannot be a datagram of a speaker costs no signature': {
    file: 'unit/speaker/datagrams.test.ts',
    fault: 'the HMAC comes before every cheaper check, and the port is open to Pods',
    shows: /signatures over ten datagrams of a stranger\s+\d+ !== 0/,
  },
  'a new key file without a usable key is complained of': {
    file: 'unit/speaker/datagrams.test.ts',
    fault: 'a malformed new key file is ignored without a word',
    shows: /not within \d+ ms: the log complains of the key file: it gave false/,
  },
  'a VIP is not taken from a node that could not be asked for on the wire': {
    file: 'unit/speaker/heard.test.ts',
    fault:
      'a question that was never sent counts as asked and unanswered: behind a firewall every node holds every VIP',
    shows: /taken although no question was sent\s+true !== false/,
  },
  'a lone survivor goes on when a Pod starts on it, and a link comes with the Pod': {
    file: 'unit/speaker/own-links.test.ts',
    fault: 'any new interface makes a node that hears no other one listen for half a second',
    shows: /milliseconds without an answer\s+\d+ !== 0/,
  },
  'a hardware address of a node that was removed is that of a node no more': {
    file: 'unit/speaker/holding.test.ts',
    fault: 'the links that a peer has told are kept for ever',
    shows: /the node that has the hardware address\s+'n2' !== undefined/,
  },
  'claims and verdicts fit packets whatever the names of the nodes are': {
    file: 'unit/liveness/sizes.test.ts',
    fault:
      'claims and verdicts are counted per datagram, not measured: long names of nodes make them larger than a packet',
    shows: /claims of 5\d{3} bytes, verdicts of 18\d\d/,
  },
  'a speaker that stands still for a moment while it starts goes on with its start': {
    file: 'unit/speaker/start.test.ts',
    fault: 'the packet worker may report a stall before there is a holding that could decide, which ends the speaker',
    shows: /the speaker ended by itself:[\s\S]*Cannot access 'holding' before initialization/,
  },
  // The wire and the links
  'a frame on another link than that of the VIP says nothing of the VIP': {
    file: 'unit/speaker/heard.test.ts',
    fault: 'a claim that is heard carries no link: what a Pod says on its own link counts as heard on that of the VIP',
    shows: /by what a Pod says on its own link/,
  },
  'a host that answers for four addresses of a pool is no proxy for that: none is announced': {
    file: 'unit/speaker/heard.test.ts',
    fault: 'a host that answered for three addresses is taken for a proxy, and what it says is ignored',
    shows: /the stranger answers for the fourth[\s\S]*'DataPathPending'/,
  },
  'an adopted address that another host answers for is not announced': {
    file: 'unit/speaker/heard.test.ts',
    fault: 'an adopted address is announced without a question: two clusters may announce the same one',
    shows: /announced beside the host that answers for it\s+true !== false/,
  },
  "a node's own frame that it hears on its second link is no claim of another host": {
    file: 'unit/speaker/heard.test.ts',
    fault: 'a node with two links in one segment reports its own announcement as a foreign claim',
    shows: /kind: 'Contested',[\s\S]*mac: '02:00:00:00:00:01'/,
  },
  'a stand-in answers with the hardware address of the link that the VIP is on': {
    file: 'unit/speaker/own-links.test.ts',
    fault:
      'on a link without an address in the subnet the stand-in uses the hardware address of the first link of the other node',
    shows: /mac: '02:00:00:00:01:02'/,
  },
  'a heartbeat fits a packet whatever the node has of links, addresses and paths that are blocked': {
    file: 'unit/liveness/sizes.test.ts',
    fault: 'a beat tells all links, their addresses and the nodes that are blocked there, however many they are',
    shows: /a heartbeat of 2[78]\d\d bytes/,
  },
  'a clock that is set back delays no first announcement': {
    file: 'unit/announce/readiness.test.ts',
    fault: 'the wait for kube-proxy is measured by the wall clock: set back by an hour, it takes an hour',
    shows: /what waits since before the clock was set back/,
  },
  'a VIP goes by the endpoints of its own family': {
    file: 'unit/speaker/snapshot.test.ts',
    fault: 'endpoints of one family make a node a candidate for a VIP of the other one',
    shows: /IPv4[\s\S]*\+\s+'n3'/,
  },
  'a heartbeat fits one packet however many Pods the node runs': {
    file: 'unit/speaker/own-links.test.ts',
    fault: "every Ethernet-like interface is told in every beat, the ends of Pods' links included",
    shows: /a heartbeat of 11\d{3} bytes/,
  },
  'a VIP that is given up while the worker takes it in is never announced': {
    file: 'unit/speaker/announcer.test.ts',
    fault: 'the state of before is announced when the worker has answered, although another one was applied meanwhile',
    shows: /announcements of 192\.0\.2\.10, which was given up\s+2 !== 0/,
  },
  // The data path
  'a node behind a router is not dead because its speaker is silent': {
    file: 'unit/dataplane/dead-nodes.test.ts',
    fault: 'a node that cannot be asked counts as dead after three seconds of silence of its speaker',
    shows: /taken for dead, and the wire was not asked[\s\S]*\+\s+'n'/,
  },
  'connections to an address of a node itself are never refused': {
    file: 'unit/speaker/path-watch.test.ts',
    fault: "endpoints that are a node's own address are refused, and any address that a slice places on a dead node",
    shows: /what is refused besides the Pod[\s\S]*\+\s+'192\.0\.2\.2',\s+\+\s+'192\.0\.2\.3'/,
  },
  'what a peer tells as a hardware address is one, or comes into no rule': {
    file: 'unit/liveness/hostile.test.ts',
    fault: 'a hardware address of a beat goes into the text for nft unchecked',
    shows: /text of a peer in the rules[\s\S]*add chain netdev berth evil/,
  },
  // The chart and the command line
};
