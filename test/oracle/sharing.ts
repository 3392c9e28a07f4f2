/** Whether Services may share an address (docs/allocation.md, "Sharing"). */
import type { Port, Service } from './objects.ts';
import { wishesOf } from './wishes.ts';

/** The kinds of reasons why two Services cannot share an address. */
export type Barrier =
  /** One has no key, or their keys differ. */
  | 'Key'
  /** Both use the same port. */
  | 'Port'
  /** One is `Local`, the other `Cluster`, or both are `Local` with different selectors. */
  | 'Policy'
  /**
   * Both are `Local` and their selectors are equal texts, but select different Pods: other namespaces, no selector at all, or only one of them has
   * Pods that are not ready.
   */
  | 'Pods';

/** The schema of an entry allows this many Services. */
export const mostSharers = 128;

/** Returns why two Services cannot share an address. Undefined: they can. */
export function barrierBetween(a: Service, b: Service): Barrier | undefined {
  const [one, other] = [wishesOf(a).key, wishesOf(b).key];
  if (one === undefined || one !== other) return 'Key';
  if (doPortsMeet(a.spec.ports, b.spec.ports)) return 'Port';
  const [isLocal, isOtherLocal] = [isLocalOnly(a), isLocalOnly(b)];
  if (isLocal !== isOtherLocal) return 'Policy';
  if (!isLocal) return undefined;
  if (selectorText(a) !== selectorText(b)) return 'Policy';
  if ((a.spec.publishNotReadyAddresses ?? false) !== (b.spec.publishNotReadyAddresses ?? false)) return 'Pods';
  // "One node holds the address, and it needs endpoints for all of them."
  return selectorText(a) === '[]' || a.metadata.namespace !== b.metadata.namespace ? 'Pods' : undefined;
}

/** "Cluster, or Local and the Pods: the namespace and the selector of the Service, or its name if it has no selector." (CRD) */
export function backendsOf(service: Service): string {
  const { namespace = '', name } = service.metadata;
  if (!isLocalOnly(service)) return 'Cluster';
  if (selectorText(service) === '[]') return `Local ${namespace}/${name}`;
  const { publishNotReadyAddresses = false } = service.spec;
  return `Local ${namespace} ${selectorText(service)}${publishNotReadyAddresses ? ' Unready' : ''}`;
}

/** Whether one port is in both lists. */
export function doPortsMeet(a: readonly Port[] = [], b: readonly Port[] = []): boolean {
  const names = new Set(a.map(portText));
  return b.some((port) => names.has(portText(port)));
}

/** Whether the ports are the same. */
export function areSamePorts(a: readonly Port[] = [], b: readonly Port[] = []): boolean {
  const text = (ports: readonly Port[]) => ports.map(portText).sort().join();
  return text(a) === text(b);
}

/** Whether only nodes with an endpoint of the Service accept its traffic. */
export function isLocalOnly({ spec }: Service): boolean {
  return spec.externalTrafficPolicy === 'Local';
}

function portText({ protocol = 'TCP', port }: Port): string {
  return `${protocol} ${port}`;
}

function selectorText({ spec }: Service): string {
  return JSON.stringify(Object.entries(spec.selector ?? {}).sort());
}
