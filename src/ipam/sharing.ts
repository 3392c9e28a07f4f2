/** Decides whether Services may share an address. */
import type { ServicePort, ServiceView } from '../api/service.ts';
import type { AllocationRequest } from './requests.ts';

/** A Service that shares an address, or requests to. */
export interface Sharer {
  readonly key: string | undefined;
  /** undefined: not known, so a collision cannot be excluded. */
  readonly ports: readonly ServicePort[] | undefined;
  /**
   * The selector if `externalTrafficPolicy` is `Local`: one node holds the address, and it must have endpoints of all Services that share
   * it. Empty if the policy is `Cluster`; undefined: not known.
   */
  readonly backends: string | undefined;
}

/** The properties of a Service that decide about sharing. */
export function sharerOf(service: ServiceView, { sharingKey }: AllocationRequest): Sharer {
  return {
    key: sharingKey,
    ports: service.ports,
    backends: service.local ? service.selector : '',
  };
}

/** Why two Services cannot share an address; undefined if they can. */
export function sharingConflict(a: Sharer, b: Sharer): string | undefined {
  if (a.key === undefined || b.key === undefined) return 'both Services need the annotation allow-shared-ip';
  if (a.key !== b.key) return 'their sharing keys differ';
  if (a.ports === undefined || b.ports === undefined) return 'the ports of the other Service are not known yet';
  const theirs = new Set(b.ports.map(portName));
  const doubled = a.ports.map(portName).find((port) => theirs.has(port));
  if (doubled !== undefined) return `both use port ${doubled}`;
  if ((a.backends ?? b.backends) !== (b.backends ?? a.backends)) {
    return 'with externalTrafficPolicy Local, all Services that share an address need the same policy and selector';
  }
  if ((a.backends === undefined && b.backends !== '') || (b.backends === undefined && a.backends !== '')) {
    return 'the externalTrafficPolicy of the other Service is not known yet';
  }
  return undefined;
}

/** Can all of them share one address? The result is that of comparing every pair, but much faster. */
export function areAllCompatible(sharers: readonly Sharer[]): boolean {
  const [first] = sharers;
  const taken = new Set<string>();
  let count = 0;
  for (const { key, ports, backends } of sharers) {
    if (key === undefined || ports === undefined || key !== first?.key || backends !== first.backends) return false;
    // A port that one Service names twice does not conflict with itself.
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
