/** Which long-lived connections an event must not end, and how many of them it ended. Pure. */
import type { Echo } from '../probe/told.ts';

/** A node, as the backends report it. */
export interface Way {
  readonly name: string;
  readonly ip: string;
  /** The address of one of its Pods. */
  readonly pod: string;
}

/** What is lost after an event. */
export interface Gone {
  /** Nodes that no packet reaches any more. */
  readonly nodes: readonly string[];
  /** The Pods that still exist. */
  readonly podsLeft: ReadonlySet<string>;
}

/** The fate of the connections. */
export interface Survival {
  /** Connections that neither passed nor ended at a lost node or Pod: their number, and how many of them are alive. */
  readonly untouched: number;
  readonly untouchedAlive: number;
  /** The number of all other connections. */
  readonly touched: number;
  readonly touchedAlive: number;
  /** The number of connections through each node. */
  readonly through: Readonly<Record<string, number>>;
  /** The untouched connections that were broken. */
  readonly lost: readonly string[];
}

/**
 * Returns the node that passed a connection on to its Pod. That node replaces the client's address by one of its own: that of the link to
 * the Pod, or of the link to the Pod's node. If the client's address was kept, the packets came to the Pod's own node directly.
 */
export function passedBy({ node, peer }: Pick<Echo, 'node' | 'peer'>, ways: readonly Way[]): string {
  const address = peer.replace(/^::ffff:/, '');
  return ways.find(({ ip, pod }) => ip === address || subnetOf(pod) === subnetOf(address))?.name ?? node;
}

/** Computes the fate of the connections. */
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

/** All Pod ranges of the lab have 24 bits. */
function subnetOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}
