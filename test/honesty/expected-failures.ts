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
  // The chart and the command line
};
