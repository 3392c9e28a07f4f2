/** Which Services are ours. */
import type { ServiceView } from '../api/service.ts';

/** What the installation was told to serve. */
export interface Ownership {
  /** Values of `spec.loadBalancerClass` that are ours. */
  readonly classes: readonly string[];
  /** Are Services without a class ours too? */
  readonly withoutClass: boolean;
  /** The field manager that we write status as. */
  readonly writer: string;
}

/** Does its class make this Service ours? One that has an entry in the ledger is ours too, whatever became of the rules. */
export function hasOurClass(service: ServiceView, rules: Ownership): boolean {
  if (!service.isLoadBalancer) return false;
  return service.class === undefined ? rules.withoutClass : rules.classes.includes(service.class);
}

/** Has another program written the status of this Service? Then it is not ours to change. */
export function isContested(service: ServiceView, rules: Ownership): boolean {
  return service.ingress.length > 0 && !service.ingressWriters.includes(rules.writer);
}
