/** What a Service's status must say about a decision. */
import type { Condition } from '../api/meta.ts';
import { conditionTypes, type Ingress, type ServiceView } from '../api/service.ts';
import type { Decision } from './allocate.ts';
import { isContested, type Ownership } from './ownership.ts';

/** The part of a Service's status that is ours, whole. */
export interface DesiredStatus {
  /** undefined: not ours to write, or nothing to show. */
  readonly ingress: readonly Ingress[] | undefined;
  readonly conditions: readonly Condition[];
}

/** What the status depends on besides the decision. */
export interface StatusContext {
  readonly ownership: Ownership;
  /** Names of the pools that an L2Advertisement covers. */
  readonly advertised: (pool: string) => boolean;
  /** RFC 3339. */
  readonly now: string;
}

/** The status that a decision calls for. */
export function desiredStatus(decision: Decision, context: StatusContext): DesiredStatus {
  const { service } = decision;
  const condition = (type: string, facts: Pick<Condition, 'status' | 'reason' | 'message'>) =>
    withTransitionTime({ type, ...facts, lastTransitionTime: context.now }, service);
  const { reason, message } = decision;
  if (decision.kind === 'Refused') {
    return {
      ingress: undefined,
      conditions: [condition(conditionTypes.allocated, { status: 'False', reason, message })],
    };
  }
  const conditions = [condition(conditionTypes.allocated, { status: 'True', reason, message })];
  if (!context.advertised(decision.pool)) {
    const silent = `no L2Advertisement covers pool ${decision.pool}: nobody answers for ${decision.address}`;
    conditions.push(
      condition(conditionTypes.announced, { status: 'False', reason: 'NoAdvertisement', message: silent }),
    );
  }
  const ingress = [{ ip: decision.address, ipMode: 'VIP' }];
  // An overwritten address is not taken back by force: two programs would write against each other for ever.
  return { ingress: isContested(service, context.ownership) ? undefined : ingress, conditions };
}

/** Does the status already say this? */
export function sameStatus(service: ServiceView, desired: DesiredStatus, { writer }: Ownership): boolean {
  const { ingress } = desired;
  const sameIngress = ingress
    ? JSON.stringify(service.ingress.map(ingressFacts)) === JSON.stringify(ingress.map(ingressFacts))
    : service.ingress.length === 0 || !service.ingressWriters.includes(writer);
  return sameIngress && JSON.stringify(facts(service.conditions)) === JSON.stringify(facts(desired.conditions));
}

/** The condition of this type that a Service carries now. */
export function conditionOf(service: ServiceView, type: string): Condition | undefined {
  return service.conditions.find((condition) => condition.type === type);
}

/** Has what the condition says changed? Only then a person needs an Event. */
export function isNews(before: Condition | undefined, after: Condition): boolean {
  return before?.status !== after.status || before.reason !== after.reason || before.message !== after.message;
}

/** The time of the last change of `status`, as the API conventions want it. */
function withTransitionTime(condition: Condition, service: ServiceView): Condition {
  const before = conditionOf(service, condition.type);
  if (before?.status !== condition.status) return condition;
  return { ...condition, lastTransitionTime: before.lastTransitionTime };
}

function facts(conditions: readonly Condition[]): readonly unknown[] {
  const sorted = [...conditions].sort((a, b) => (a.type < b.type ? -1 : 1));
  return sorted.map(({ type, status, reason, message }) => [type, status, reason, message]);
}

function ingressFacts({ ip, hostname, ipMode }: Ingress): readonly unknown[] {
  return [ip ?? '', hostname ?? '', ipMode ?? 'VIP'];
}
