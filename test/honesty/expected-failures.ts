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
  'what a quiet program left is replaced, also where the Service must leave what the ledger has for it': {
    file: 'unit/ipam/overwritten.test.ts',
    fault:
      'a Service that must leave its only address counts as one without an entry: it is left to the other program for good',
    shows: /: it can share no longer: 192\.0\.2\.1 stays \| it is of the other family: 2001:db8::1 stays$/,
  },
  'a Service that requires both families gets them where the quota has room for both': {
    file: 'unit/ipam/quota.test.ts',
    fault:
      'where it also asks for another address, the one that it is to leave counts beside both, and it waits for ever',
    shows: /with one of two addresses it waits, and has those of families 6$/,
  },
  'a wish that cannot be had changes nothing, also in the middle of a move': {
    file: 'unit/ipam/keeping.test.ts',
    fault:
      'of its former and its new address the Service gets the one of a pool that it names, also where pools do not count',
    shows: /an address of no pool: a\/s 192\.0\.2\.1 \| two addresses: a\/s 192\.0\.2\.1$/,
  },
  'an address that is kept back meanwhile is not confirmed as one in use': {
    file: 'unit/ipam/late-writes.test.ts',
    fault: 'what confirms an entry writes the one that is known then, also a reservation, and without its time',
    shows:
      /the API server refuses: IPAllocation 2001:db8::1 \(berth\.dev\/confirmed\) is invalid: .*needs reservedUntil$/,
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
    shows: /every entry is valid/,
  },
  'a source range in a spelling of old times keeps everybody else out': {
    file: 'unit/api/spelling.test.ts',
    fault: 'a source range that is not understood counts as none, and none means everybody',
    shows: /everybody may come in/,
  },
  'the address of a Service that is being deleted goes to no other Service while the status still shows it': {
    file: 'cluster/late-writes.test.ts',
    fault:
      'The entry of a Service in Terminating is released while its status, and so kube-proxy, still shows the address.',
    shows: /a finalizer keeps ha-a\/s0: (?:uncovered|doubled) 198\.18\./,
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
  'a node whose port is blocked while the cluster starts holds no VIP beside another node': {
    file: 'sim/wire.test.ts',
    fault: 'a node that has never heard its peers does not know their hardware addresses, and yields to none of them',
    shows: /seed \d: two answers, eight seconds after the start: 1000, at most 0/,
  },
  'a holder whose link works keeps its VIPs when the cables of all other nodes are pulled out': {
    file: 'sim/wire.test.ts',
    fault:
      'a link on which no peer is heard any more counts as one without inbound traffic, even if the peers report that their links are down',
    shows: /seed 1: silence of a holder with a link: 4\d{3}, at most 0/,
  },
  'a host that is no node and answers for a VIP does not prevent the takeover from a dead holder': {
    file: 'sim/wire.test.ts',
    fault: 'any answer to a probe, from any hardware address, prevents a takeover for as long as it comes',
    shows: /seed 1: silence of the VIP that a stranger answers for: 10000, at most 5000/,
  },
  'one-way loss between two nodes ends with one holder': {
    file: 'sim/wire.test.ts',
    fault:
      'the node that hears nothing takes over VIPs without an answer, and never learns that the other node still answers',
    shows: /seed 1: two answers, ten seconds later: 5000, at most 0/,
  },
  'a restart whose announcement one peer does not hear moves no VIP': {
    file: 'sim/wire.test.ts',
    fault: 'the state Restarting is sent once: a peer that misses the datagram takes the node for dead',
    shows: /seed 1: moves by a restart: \d+, at most 0/,
  },
  'a takeover of thousands of VIPs is reported in many iterations of the event loop, with heartbeats between them': {
    file: 'unit/speaker/election/datagrams.test.ts',
    fault:
      'all claims go to every peer in one iteration, before the next heartbeat: the node that has taken over looks dead',
    shows: /80\d datagrams in one iteration/,
  },
  'a datagram that cannot be from a speaker costs no signature': {
    file: 'unit/speaker/election/datagrams.test.ts',
    fault: 'the HMAC comes before every cheaper check, and the port is open to Pods',
    shows: /signatures over ten datagrams of a stranger\s+\d+ !== 0/,
  },
  'a new key file without a usable key is logged': {
    file: 'unit/speaker/election/datagrams.test.ts',
    fault: 'a malformed new key file is ignored without a log line',
    shows: /not within \d+ ms: the log names the key file: it gave false/,
  },
  'a VIP is not taken over from a node that could not be probed': {
    file: 'unit/speaker/announce/heard.test.ts',
    fault: 'a probe that was never sent counts as sent and unanswered: behind a firewall every node holds every VIP',
    shows: /taken over although no probe was sent\s+true !== false/,
  },
  'the only node that is alive goes on announcing when a Pod starts on it, which adds a link': {
    file: 'unit/speaker/announce/own-links.test.ts',
    fault: 'any new interface makes a node that hears no peer listen for half a second',
    shows: /milliseconds without an answer\s+\d+ !== 0/,
  },
  'claims and results fit packets whatever the names of the nodes are': {
    file: 'unit/liveness/sizes.test.ts',
    fault:
      'claims and results are counted per datagram, not measured: long names of nodes make them larger than a packet',
    shows: /claims of 5\d{3} bytes, results of 18\d\d/,
  },
  // The wire and the links
  'a frame on a link other than that of the VIP is no claim to the VIP': {
    file: 'unit/speaker/announce/heard.test.ts',
    fault: 'a claim carries no link: a frame of a Pod on its own link counts as one on the link of the VIP',
    shows: /by a frame of a Pod on its own link/,
  },
  'a host that answers for four addresses of a pool is no proxy for that reason: none is announced': {
    file: 'unit/speaker/announce/heard.test.ts',
    fault: 'a host that answered for three addresses is taken for a proxy, and its answers are ignored',
    shows: /the stranger answers for the fourth[\s\S]*'DataPathPending'/,
  },
  'an adopted address that another host answers for is not announced': {
    file: 'unit/speaker/announce/heard.test.ts',
    fault: 'an adopted address is announced without a probe: two clusters may announce the same one',
    shows: /announced beside the host that answers for it\s+true !== false/,
  },
  "a node's own frame that arrives on its second link is no claim of another host": {
    file: 'unit/speaker/announce/heard.test.ts',
    fault: 'a node with two links in one segment reports its own announcement as a foreign claim',
    shows: /kind: 'Contested',[\s\S]*mac: '02:00:00:00:00:01'/,
  },
  'a stand-in answers with the hardware address of the link that the VIP is on': {
    file: 'unit/speaker/announce/own-links.test.ts',
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
    file: 'unit/announce/proxy-sync-gate.test.ts',
    fault: 'the wait for kube-proxy is measured by the wall clock: set back by an hour, it takes an hour',
    shows: /what waits since before the clock was set back/,
  },
  'only endpoints of its own family make a node a candidate for a VIP': {
    file: 'unit/speaker/informers.test.ts',
    fault: 'endpoints of one family make a node a candidate for a VIP of the other one',
    shows: /IPv4[\s\S]*\+\s+'n3'/,
  },
  'a heartbeat fits into one packet, however many Pods the node runs': {
    file: 'unit/speaker/announce/own-links.test.ts',
    fault: "every heartbeat reports every Ethernet-like interface, also the node's ends of the Pods' links",
    shows: /a heartbeat of 11\d{3} bytes/,
  },
  'a VIP that is given up while the worker applies it is never announced': {
    file: 'unit/speaker/announce/announcer.test.ts',
    fault: 'the former state is announced once the worker has answered, although another one was applied meanwhile',
    shows: /announcements of 192\.0\.2\.10, which was given up\s+2 !== 0/,
  },
  'no address is announced while another host answers for it, however many addresses that host has': {
    file: 'cluster/conflicts.test.ts',
    fault:
      "A host that answers for three of the pool's addresses is taken for a proxy: the fourth is announced beside it.",
    shows: /is announced, and [0-9a-f:]{17}, a MAC of no node, answers for it/,
  },
  'a node does not take its own second link for another host': {
    file: 'net/nics.test.ts',
    fault:
      'A node with two links in one segment hears its own gratuitous ARP on the second one, and reports a foreign claim.',
    shows: /the frames of its first link are a claim on its second one/,
  },
  'what a host says of a VIP in another segment than its own is no claim to it': {
    file: 'net/nics.test.ts',
    fault: 'What is heard carries no link, so a claim in any segment counts as if it came from that of the VIP.',
    shows: /a claim in another segment is believed/,
  },
  'before a VIP is taken it is asked for on the link that is named for it': {
    file: 'net/nics.test.ts',
    fault:
      'Where no link has an address in the subnet of a VIP, no question is sent, and the silence counts as the answer.',
    shows: /it is taken from a node that nobody asked for it/,
  },
  'what a Pod on a bridge says of a VIP is no claim to it': {
    file: 'net/pod-links.test.ts',
    fault:
      'Gratuitous ARP that a Pod sends on the bridge of its node counts as if it came from the network of the VIP.',
    shows: /a Pod on a bridge is believed/,
  },
  'what a Pod on a routed link says of a VIP is no claim to it': {
    file: 'net/pod-links.test.ts',
    fault: 'Gratuitous ARP that a Pod sends on its own routed link counts as if it came from the network of the VIP.',
    shows: /a Pod on a routed link is believed/,
  },
  'links of Pods cost no packet sockets': {
    file: 'net/pod-links.test.ts',
    fault:
      'Every Ethernet-like interface is a link of the speaker, so each Pod with a link of its own costs packet sockets.',
    shows: /\d+ packet sockets on links of Pods/,
  },
  'a heartbeat fits one packet, however many Pods the node has': {
    file: 'net/pod-links.test.ts',
    fault: 'A heartbeat names all links, those of Pods too, and is larger than a packet on a node with some Pods.',
    shows: /a heartbeat of \d{4,} bytes/,
  },
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
  'a node behind a router is not dead because its speaker is silent': {
    file: 'unit/dataplane/plan/dead-nodes.test.ts',
    fault: 'a node that cannot be asked counts as dead after three seconds of silence of its speaker',
    shows: /taken for dead, and the wire was not asked[\s\S]*\+\s+'n'/,
  },
  "connections to a node's own address are never refused": {
    file: 'unit/speaker/dataplane/dataplane-watch.test.ts',
    fault: "endpoints that are a node's own address are refused, and any address that a slice places on a dead node",
    shows: /addresses that are refused besides the Pod[\s\S]*\+\s+'192\.0\.2\.2',\s+\+\s+'192\.0\.2\.3'/,
  },
  'what a peer tells as a hardware address is one, or comes into no rule': {
    file: 'unit/liveness/hostile.test.ts',
    fault: 'a hardware address of a beat goes into the text for nft unchecked',
    shows: /text of a peer in the rules[\s\S]*add chain netdev berth evil/,
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
    shows: /AddressNotInPool: 192\.0\.2\.101 is not in any IPAddressPool/,
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
  'a release may have the longest name that Helm allows': {
    file: 'cluster/chart.test.ts',
    fault: 'with a name of more than 44 characters the Service of the metrics has more than 63, and is refused',
    shows: /Service r+-controller-metrics: 72 characters, 63 at most/,
  },
  'a release may have a name that YAML reads as a number, a boolean or null': {
    file: 'cluster/chart.test.ts',
    fault: 'the name of the release stands in labels without quotes: a number is no label',
    shows: /label app\.kubernetes\.io\/instance is not a string: 12345/,
  },
  'the value commonAnnotations may be null': {
    file: 'cluster/chart.test.ts',
    fault: 'a template merges them as they are, and Helm ends with an error about its own words',
    shows: /berth\.metadata.*wrong type|error calling merge|executing "berth\.metadata"/,
  },
  'a map in the values that is null counts as empty, or is refused by an error that names it': {
    file: 'cluster/chart.test.ts',
    fault: 'a template reads fields of what is not there, and Helm ends with an error about its own words',
    shows: /nil pointer evaluating interface/,
  },
};
