/** The other nodes: those that a speaker counts with, and those that it only answers. */
import type { PeerStates } from '../liveness/failure-detector.ts';
import { times } from '../liveness/messages.ts';
import type { Peers } from '../liveness/peers.ts';

/** What is known of the nodes. */
interface Known {
  /** The nodes of the cluster's objects. */
  readonly nodes: ReadonlySet<string>;
  readonly peers: Peers;
  readonly review: PeerStates;
  readonly now: number;
}

/** The nodes of the cluster's objects without this one, and those that are heard without an object. */
export function otherNodes(known: Known): readonly string[] {
  const { nodes, peers } = known;
  const extra = namesOf(peers).filter((node) => !nodes.has(node) && isHeard(node, known));
  return [...nodes, ...extra].filter((node) => node !== peers.self.node);
}

/**
 * Nodes without an object that call, and have not proved yet that they hear this node. The speaker may have restarted
 * while this node has an old list of objects. It may also be a datagram that another host sends again: so such a node
 * counts for nothing, and gets heartbeats only.
 */
export function callingNodes(known: Known): readonly string[] {
  const { nodes, peers, now } = known;
  return namesOf(peers).filter((node) => {
    const peer = peers.get(node);
    if (peer === undefined || nodes.has(node) || isHeard(node, known)) return false;
    return peer.newest !== peer.incarnation && now - peer.newestAt < times.slowHeartbeat;
  });
}

function isHeard(node: string, { review }: Known): boolean {
  const { liveness } = review.of.get(node) ?? {};
  return liveness === 'Alive' || liveness === 'Restarting';
}

function namesOf(peers: Peers): readonly string[] {
  return [...peers.all()].map(({ node }) => node);
}
