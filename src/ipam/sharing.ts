/** May Services share an address? */
import type { ServicePort, ServiceView } from '../api/service.ts';
import type { AllocationRequest } from './requests.ts';

/** One of those that share, or want to. */
export interface Sharer {
  readonly key: string | undefined;
  /** undefined where they are not known: then nobody can be sure that they do not collide. */
  readonly ports: readonly ServicePort[] | undefined;
  /**
   * With `externalTrafficPolicy: Local` the selector: an address is held by one node, which must have endpoints of all who share it.
   * Empty with Cluster; undefined where it is not known.
   */
  readonly backends: string | undefined;
}

/** A Service as a sharer. */
export function sharerOf(service: ServiceView, { sharingKey }: AllocationRequest): Sharer {
  return {
    key: sharingKey,
    ports: service.ports,
    backends: service.local ? service.selector : '',
  };
}

/** Why two cannot share an address; undefined if they can. */
export function sharingConflict(a: Sharer, b: Sharer): string | undefined {
  if (a.key === undefined || b.key === undefined) return 'both need the annotation allow-shared-ip';
  if (a.key !== b.key) return 'their sharing keys differ';
  if (a.ports === undefined || b.ports === undefined) return "the other one's ports are not known yet";
  const theirs = new Set(b.ports.map(portName));
  const doubled = a.ports.map(portName).find((port) => theirs.has(port));
  if (doubled !== undefined) return `both use port ${doubled}`;
  if ((a.backends ?? b.backends) !== (b.backends ?? a.backends)) {
    return 'with externalTrafficPolicy Local all who share need the same policy and the same selector';
  }
  if ((a.backends === undefined && b.backends !== '') || (b.backends === undefined && a.backends !== '')) {
    return "the other one's externalTrafficPolicy is not known yet";
  }
  return undefined;
}

/** Can all of them share with each other? Says what asking for every pair would say, much faster. */
export function areAllCompatible(sharers: readonly Sharer[]): boolean {
  const [first] = sharers;
  const taken = new Set<string>();
  let count = 0;
  for (const { key, ports, backends } of sharers) {
    if (key === undefined || ports === undefined || key !== first?.key || backends !== first.backends) return false;
    // A port that one of them names twice is no matter of the others.
    const own = new Set(ports.map(portName));
    for (const port of own) taken.add(port);
    count += own.size;
  }
  return taken.size === count;
}

/** `TCP/80`. */
export function portName({ protocol, port }: ServicePort): string {
  return `${protocol}/${port}`;
}
