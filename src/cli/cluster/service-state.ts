/** The state of each Service of type LoadBalancer: its addresses, or the one reason why it has none. */
import type { ServiceView } from '../../api/service.ts';
import type { Decision } from '../../ipam/decision.ts';
import type { Ownership } from '../../ipam/ownership.ts';
import type { Evaluation } from './evaluation.ts';

/** The state of a Service, for people and programs. */
export interface ServiceState {
  /** `namespace/name`. */
  readonly service: string;
  /** Whether Berth serves its class. */
  readonly ours: boolean;
  readonly addresses: readonly string[];
  readonly reason: string;
  readonly message: string;
}

/** The states of all Services of type LoadBalancer, sorted by name. */
export function serviceStates({ cluster, settled }: Pick<Evaluation, 'cluster' | 'settled'>): readonly ServiceState[] {
  const decisions = new Map(settled.plan.decisions.map((decision) => [decision.service.key, decision]));
  const { ownership } = cluster.installation.settings;
  const all = cluster.services.filter(({ isLoadBalancer }) => isLoadBalancer);
  return all
    .map((service) => stateOf(service, decisions.get(service.key), ownership))
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

function stateOf(service: ServiceView, decision: Decision | undefined, ownership: Ownership): ServiceState {
  const { key, ingress } = service;
  const addresses = ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  if (decision === undefined) {
    const named =
      service.class === undefined ? 'the Service has no class' : `the Service has the class ${service.class}`;
    const own = [...ownership.classes, ...(ownership.withoutClass ? ['Services without a class'] : [])];
    const message = `${named}; Berth serves ${own.join(', ') || 'no class'} here, so another program must serve this Service`;
    return { service: key, ours: false, addresses, reason: 'OtherClass', message };
  }
  const { reason, message } = decision;
  const isLate = decision.kind === 'Assigned' && addresses.length === 0;
  const facts = { service: key, ours: true, addresses };
  if (!isLate) return { ...facts, reason, message };
  return {
    ...facts,
    reason: 'NotWritten',
    message: `the controller has not yet written ${message} to the status`,
  };
}
