/** May Services share an address (docs/allocation.md, "Sharing")? */
import type { Port, Service } from './objects.ts';
import { wishesOf } from './wishes.ts';

/** Why two Services cannot share an address, by kind. */
export type Barrier =
  /** One has no key, or they have different ones. */
  | 'Key'
  /** Both use one port. */
  | 'Port'
  /** One is `Local`, the other `Cluster`, or both are `Local` with different selectors. */
  | 'Policy'
  /** Both are `Local` and their selectors are the same text, but choose different Pods: other namespaces, or no selector at all. */
  | 'Pods';

/** What the schema of an entry has room for. */
export const mostSharers = 128;

/** Why two cannot share an address. Undefined where they can. */
export function barrierBetween(a: Service, b: Service): Barrier | undefined {
  const [one, other] = [wishesOf(a).key, wishesOf(b).key];
  if (one === undefined || one !== other) return 'Key';
  if (doPortsMeet(a.spec.ports, b.spec.ports)) return 'Port';
  const [isLocal, isOtherLocal] = [isLocalOnly(a), isLocalOnly(b)];
  if (isLocal !== isOtherLocal) return 'Policy';
  if (!isLocal) return undefined;
  if (selectorText(a) !== selectorText(b)) return 'Policy';
  // "One node holds the address, and it needs endpoints for all of them."
  return selectorText(a) === '[]' || a.metadata.namespace !== b.metadata.namespace ? 'Pods' : undefined;
}

/** Does one of the ports stand in both lists? */
export function doPortsMeet(a: readonly Port[] = [], b: readonly Port[] = []): boolean {
  const names = new Set(a.map(portText));
  return b.some((port) => names.has(portText(port)));
}

/** Are these the same ports? */
export function areSamePorts(a: readonly Port[] = [], b: readonly Port[] = []): boolean {
  const text = (ports: readonly Port[]) => ports.map(portText).sort().join();
  return text(a) === text(b);
}

/** Does only a node with an endpoint of its own take the Service's traffic? */
export function isLocalOnly({ spec }: Service): boolean {
  return spec.externalTrafficPolicy === 'Local';
}

function portText({ protocol = 'TCP', port }: Port): string {
  return `${protocol} ${port}`;
}

function selectorText({ spec }: Service): string {
  return JSON.stringify(Object.entries(spec.selector ?? {}).sort());
}
