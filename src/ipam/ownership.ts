/** Which Services are ours, and which of them show what another program wrote. */
import { type Ip, parseIp } from '../addr/ip.ts';
import type { ServiceView } from '../api/service.ts';

/** What the installation was told to serve. */
export interface Ownership {
  /** Values of `spec.loadBalancerClass` that are ours. */
  readonly classes: readonly string[];
  /** Are Services without a class ours too? */
  readonly withoutClass: boolean;
  /** Take over what another program wrote to Services without a class. */
  readonly takeOver: boolean;
  /** The field manager that we write status as. */
  readonly writer: string;
}

/** Does its class make this Service ours? One that has an entry in the ledger is ours too, whatever became of the rules. */
export function hasOurClass(service: ServiceView, rules: Ownership): boolean {
  if (!service.isLoadBalancer) return false;
  return service.class === undefined ? rules.withoutClass : rules.classes.includes(service.class);
}

/** Does the status show something that another program wrote, and we did not? */
export function isForeign({ ingress, ingressWriters }: ServiceView, { writer }: Ownership): boolean {
  return ingress.length > 0 && !ingressWriters.some(({ manager }) => manager === writer);
}

/**
 * May the addresses in the status of a Service without an entry be made its own? What we wrote once, yes (the ledger was lost). What
 * another program wrote: where the class says that nobody else serves the Service (it was restored from a backup), or where we were
 * told to take over, all of them or this one.
 */
export function isAdoptable(service: ServiceView, rules: Ownership): boolean {
  return !isForeign(service, rules) || service.class !== undefined || rules.takeOver || service.takeOver;
}

/** The names of those who wrote the status, for people. */
export function writersOf({ ingressWriters }: ServiceView, { writer }: Ownership): string {
  const others = ingressWriters.map(({ manager }) => manager).filter((manager) => manager !== writer);
  return others.join(', ') || 'another program';
}

/** The addresses that a Service's status shows. */
export function shownBy({ ingress }: ServiceView): readonly Ip[] {
  return ingress.map(({ ip = '' }) => parseIp(ip)).filter((ip) => ip !== undefined);
}
