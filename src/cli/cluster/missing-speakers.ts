/** The nodes that should run a speaker and run none. A node that the DaemonSet does not select is as it should be. */
import type { NodeView } from '../../api/node.ts';
import type { Cluster } from './cluster.ts';

/** The names of these nodes. */
export function nodesMissingSpeakers({
  nodes,
  installation,
}: Pick<Cluster, 'nodes' | 'installation'>): readonly string[] {
  const { speakers, speakerTarget, settings } = installation;
  const having = new Set([...speakers.map(({ node }) => node), ...settings.assumeAlive]);
  const without = nodes.filter(({ name }) => !having.has(name));
  if (speakerTarget === undefined) return without.map(({ name }) => name);
  const { nodeSelector, wanted } = speakerTarget;
  // Its controller has regarded everything that keeps Pods off a node. All of them are there: the others are not meant to run one.
  if (nodes.filter(({ name }) => having.has(name)).length >= wanted) return [];
  const isSelected = ({ labels }: NodeView) =>
    Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  return without.filter(isSelected).map(({ name }) => name);
}
