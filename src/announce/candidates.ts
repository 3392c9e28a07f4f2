/** Which nodes could announce a VIP. */
import type { AdvertisementView } from '../api/advertisement.ts';
import { coversNode } from '../api/advertisement.ts';
import type { NodeView } from '../api/node.ts';

/** What is known of the nodes, the same on every node. */
export interface NodesSnapshot {
  readonly nodes: readonly NodeView[];
  /** Nodes whose speaker works. Today its Pod's readiness says so. */
  readonly alive: ReadonlySet<string>;
}

/** What a VIP asks of a node. */
export interface Demands {
  /** The advertisements that cover the VIP's pool. */
  readonly advertisements: readonly AdvertisementView[];
  /** Only these nodes have an endpoint of a `externalTrafficPolicy: Local` Service; undefined for other Services. */
  readonly endpointNodes: ReadonlySet<string> | undefined;
}

/** The names of the nodes that could announce a VIP. */
export function candidatesFor(demands: Demands, { nodes, alive }: NodesSnapshot): readonly string[] {
  const { advertisements, endpointNodes } = demands;
  // kubeadm labels every control plane: where all nodes carry the label, obeying it would mean silence.
  const obeyExclusion = nodes.some(({ excluded }) => !excluded);
  return nodes
    .filter(({ name, excluded }) => alive.has(name) && !(excluded && obeyExclusion))
    .filter(({ labels }) => advertisements.some((advertisement) => coversNode(advertisement, labels)))
    .filter(({ name }) => endpointNodes?.has(name) ?? true)
    .map(({ name }) => name);
}
