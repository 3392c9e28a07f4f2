/** Which of the long-lived connections an event must not end, and how many of those it did end. Pure. */
import type { Echo } from '../probe/told.ts';

/** A node, as the backends' words name it. */
export interface Way {
  readonly name: string;
  readonly ip: string;
  /** The address of one of its Pods. */
  readonly pod: string;
}

/** What is gone after an event. */
export interface Gone {
  /** Nodes that no packet reaches any more. */
  readonly nodes: readonly string[];
  /** The Pods that are still there. */
  readonly podsLeft: ReadonlySet<string>;
}

/** What became of the connections. */
export interface Survival {
  /** Those that neither went through nor ended at anything that is gone: how many, and how many of them are alive. */
  readonly untouched: number;
  readonly untouchedAlive: number;
  /** The others. */
  readonly touched: number;
  readonly touchedAlive: number;
  /** How many went through each node. */
  readonly through: Readonly<Record<string, number>>;
  /** The untouched ones that did not live on. */
  readonly lost: readonly string[];
}

/**
 * The node that passed a connection on to its Pod. It hides the client behind one of its own addresses, of the link to the Pod or of the
 * one to the Pod's node; where nobody hides the client, packets come to the Pod's own node alone.
 */
export function passedBy({ node, peer }: Pick<Echo, 'node' | 'peer'>, ways: readonly Way[]): string {
  const address = peer.replace(/^::ffff:/, '');
  return ways.find(({ ip, pod }) => ip === address || subnetOf(pod) === subnetOf(address))?.name ?? node;
}

/** Sums up. */
export function survivalOf(echoes: readonly Echo[], ways: readonly Way[], gone: Gone): Survival {
  const all = echoes.map((echo) => {
    const through = passedBy(echo, ways);
    const isTouched = [through, echo.node].some((node) => gone.nodes.includes(node)) || !gone.podsLeft.has(echo.pod);
    return { echo, through, isTouched, isAlive: echo.fault === undefined };
  });
  const count = (wanted: (one: (typeof all)[number]) => boolean) => all.filter(wanted).length;
  const nodes = [...new Set(all.map(({ through }) => through))].sort();
  return {
    untouched: count(({ isTouched }) => !isTouched),
    untouchedAlive: count(({ isTouched, isAlive }) => !isTouched && isAlive),
    touched: count(({ isTouched }) => isTouched),
    touchedAlive: count(({ isTouched, isAlive }) => isTouched && isAlive),
    through: Object.fromEntries(nodes.map((node) => [node, count(({ through }) => through === node)])),
    lost: all
      .filter(({ isTouched, isAlive }) => !isTouched && !isAlive)
      .map(({ through, echo }) => `${through} to ${echo.pod} on ${echo.node}: ${echo.fault}`),
  };
}

/** All ranges of Pods in the lab are of 24 bits. */
function subnetOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}
