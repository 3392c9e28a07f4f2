/** Which Services Berth serves, and which of them have a status that another program wrote. */
import { type Ip, parseIp } from '../addr/ip.ts';
import type { ServiceView } from '../api/service.ts';

/** The Services that the installation is configured to serve. */
export interface Ownership {
  /** The values of `spec.loadBalancerClass` that Berth serves. */
  readonly classes: readonly string[];
  /** Does it serve Services without a class too? */
  readonly withoutClass: boolean;
  /** Does it take over addresses that another program wrote to Services without a class? */
  readonly takeOver: boolean;
  /** The field manager of Berth's writes to a status. */
  readonly writer: string;
}

/** Does Berth serve this Service because of its class? It also serves every Service that has an entry in the ledger, whatever the rules. */
export function hasOurClass(service: ServiceView, rules: Ownership): boolean {
  if (!service.isLoadBalancer) return false;
  return service.class === undefined ? rules.withoutClass : rules.classes.includes(service.class);
}

/** Does the status show addresses that another program wrote, and Berth did not? */
export function isForeign({ ingress, ingressWriters }: ServiceView, { writer }: Ownership): boolean {
  return ingress.length > 0 && !ingressWriters.some(({ manager }) => manager === writer);
}

/**
 * May the addresses in the status of a Service without an entry be assigned to it? Yes if Berth wrote them (the ledger was lost). If
 * another program wrote them: only if the Service has a class, so that no other program serves it (it was restored from a backup), or if
 * Berth is configured to take over this Service or all Services.
 */
export function isAdoptable(service: ServiceView, rules: Ownership): boolean {
  return !isForeign(service, rules) || service.class !== undefined || rules.takeOver || service.takeOver;
}

/** The field managers that wrote the status, for messages. */
export function writersOf({ ingressWriters }: ServiceView, { writer }: Ownership): string {
  const others = ingressWriters.map(({ manager }) => manager).filter((manager) => manager !== writer);
  return others.join(', ') || 'another program';
}

/** The addresses that a Service's status shows. */
export function shownBy({ ingress }: ServiceView): readonly Ip[] {
  return ingress.map(({ ip = '' }) => parseIp(ip)).filter((ip) => ip !== undefined);
}
