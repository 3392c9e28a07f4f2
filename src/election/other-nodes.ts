/** The other nodes to which a speaker sends. */
import type { PeerStates } from '../liveness/failure-detector.ts';
import { times } from '../liveness/messages.ts';
import type { Peers } from '../liveness/peers.ts';

/** What is known of the nodes. */
interface Known {
  readonly peers: Peers;
  readonly review: PeerStates;
  readonly now: number;
}

/**
 * Is a node heard although the cluster's objects may not have it? One that calls counts too: its speaker may have
 * restarted while this node has an old list of objects.
 */
export function isHeard(node: string, { peers, review, now }: Known): boolean {
  const { liveness } = review.of.get(node) ?? {};
  if (liveness === 'Alive' || liveness === 'Restarting') return true;
  const peer = peers.get(node);
  return peer !== undefined && peer.newest !== peer.incarnation && now - peer.newestAt < times.slowHeartbeat;
}

/** The nodes of the cluster's objects without this one, and those that are heard without an object. */
export function otherNodes(nodes: ReadonlySet<string>, known: Known): readonly string[] {
  const { peers } = known;
  const heard = [...peers.all()].map(({ node }) => node);
  const extra = heard.filter((node) => !nodes.has(node) && isHeard(node, known));
  return [...nodes, ...extra].filter((node) => node !== peers.self.node);
}
