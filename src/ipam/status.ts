/** The status of a Service that follows from a decision. */
import type { Ip } from '../addr/ip.ts';
import { type AllocationView, allocationCondition, allocationConditions } from '../api/allocation.ts';
import { type HandOff, handOffOf, ipModeOf } from '../api/hand-off.ts';
import type { Condition } from '../api/meta.ts';
import { conditionTypes, type Ingress, ingressText, type ServiceView } from '../api/service.ts';
import { withFittingMessage } from '../api/text.ts';
import { formatTime } from '../api/time.ts';
import type { Assigned, Decision, Refused } from './decision.ts';
import { type Ownership, writersOf } from './ownership.ts';
import type { Outcome } from './reasons.ts';
import type { StatusConflicts, WriteDecision } from './status-conflicts.ts';

/** The complete part of a Service's status that Berth owns. */
export interface DesiredStatus {
  /** undefined: Berth writes no ingress. */
  readonly ingress: readonly Ingress[] | undefined;
  readonly conditions: readonly Condition[];
  /** Replace the value of another program. */
  readonly force: boolean;
  /** The status must change further, but not before this time. */
  readonly retryInMs: number | undefined;
}

/** The state that a status depends on besides the decision. */
export interface StatusContext {
  readonly ownership: Ownership;
  /** Does an L2Advertisement cover this entry, or new addresses of its pool if there is no entry? */
  readonly advertised: (pool: string, entry: AllocationView | undefined) => boolean;
  /** The ledger's entry of an address, with the conditions that the speakers wrote. */
  readonly entryOf: (address: Ip) => AllocationView | undefined;
  readonly conflicts: StatusConflicts;
  /** The hand-off of Services that request none. */
  readonly handOff: HandOff;
  /** Services whose source ranges are too many beside those of other ones: `crowdedOut`. */
  readonly crowded?: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A status without any field of Berth. */
export const noStatus: DesiredStatus = { ingress: undefined, conditions: [], force: false, retryInMs: undefined };

/** The status that follows from a decision. */
export function desiredStatus(decision: Decision, context: StatusContext): DesiredStatus {
  const { service } = decision;
  if (decision.kind === 'Refused') return refusedStatus(decision, context);
  const choice = handOffOf(service, context.handOff, context.crowded);
  const ingress = decision.bindings.map(({ address }, i) => {
    const { ip, spelling } = service.ingress[i] ?? {};
    return { ip: address, ...(ip === address && spelling !== undefined && { spelling }), ipMode: ipModeOf(choice) };
  });
  const same = ingressText(service.ingress) === ingressText(ingress);
  const write: WriteDecision = same ? { kind: 'Write' } : context.conflicts.decideWrite(service, ingress, context);
  const outcome = contestedBy(write, decision, context.ownership) ?? decision;
  const conditions = [
    condition(decision, { type: conditionTypes.allocated, status: 'True', ...pick(outcome) }, context),
  ];
  const announced = announcedFinding(decision, context);
  if (announced) conditions.push(condition(decision, { type: conditionTypes.announced, ...announced }, context));
  // Only if the hand-off differs from the requested one. A further condition on every Service would be noise.
  if (choice.reason !== undefined) {
    const finding = { status: 'False', reason: choice.reason, message: choice.message ?? '' } as const;
    conditions.push(condition(decision, { type: conditionTypes.handOff, ...finding }, context));
  }
  const mayWrite = write.kind === 'Write' || write.kind === 'Force';
  return {
    ingress: mayWrite ? ingress : undefined,
    conditions,
    force: write.kind === 'Force',
    retryInMs: 'retryInMs' in write ? write.retryInMs : undefined,
  };
}

/** The status of a Service without an address. */
function refusedStatus(decision: Refused, context: StatusContext): DesiredStatus {
  const { service, keepsStatus } = decision;
  const { ownership, conflicts } = context;
  const refusal = { type: conditionTypes.allocated, status: 'False', ...pick(decision) } as const;
  const status = { ...noStatus, conditions: [condition(decision, refusal, context)] };
  // A server-side apply removes fields that we own and do not send, so an ingress of ours that stays is sent again.
  if (isOwner(service, ownership)) return keepsStatus ? { ...status, ingress: service.ingress } : status;
  if (keepsStatus || service.ingress.length === 0) return status;
  // Another program wrote an address that the Service had to leave. An empty value replaces its value.
  const write = conflicts.decideWrite(service, [], context);
  if (write.kind === 'Force') return { ...status, ingress: [], force: true };
  return { ...status, retryInMs: 'retryInMs' in write ? write.retryInMs : undefined };
}

/** Is the condition `Announced` the only change? Such a write may wait for the writes that assign addresses. */
export function isMirrorOnly(service: ServiceView, desired: DesiredStatus): boolean {
  const { announced } = conditionTypes;
  const others = (conditions: readonly Condition[]) => conditions.filter(({ type }) => type !== announced);
  const { ingress = [] } = desired;
  return (
    ingressText(service.ingress) === ingressText(ingress) &&
    sameConditions(others(service.conditions), others(desired.conditions))
  );
}

/** Is the status of the Service the desired one already? */
export function sameStatus(service: ServiceView, desired: DesiredStatus, ownership: Ownership): boolean {
  const { ingress } = desired;
  const sameIngress = ingress
    ? ingressText(service.ingress) === ingressText(ingress)
    : service.ingress.length === 0 || !isOwner(service, ownership);
  return sameIngress && sameConditions(service.conditions, desired.conditions);
}

/** The current condition of this type of a Service. */
export function conditionOf(service: ServiceView, type: string): Condition | undefined {
  return service.conditions.find((one) => one.type === type);
}

/** Has the content of a condition changed? Only then an Event is sent. */
export function hasChanged(before: Condition | undefined, after: Condition): boolean {
  return before?.status !== after.status || before.reason !== after.reason || before.message !== after.message;
}

function isOwner({ ingressWriters }: ServiceView, { writer }: Ownership): boolean {
  return ingressWriters.some(({ manager }) => manager === writer);
}

function contestedBy(write: WriteDecision, { service, bindings }: Assigned, ownership: Ownership): Outcome | undefined {
  if (write.kind !== 'Wait' && write.kind !== 'Contested') return undefined;
  const writer = writersOf(service, ownership);
  const addresses = bindings.map(({ address }) => address).join(', ');
  const what =
    write.kind === 'Wait'
      ? `is written by ${writer}; Berth replaces it when that program has not written for a minute`
      : `was overwritten repeatedly by ${writer}; Berth no longer changes it`;
  return { reason: 'StatusContested', message: `status.loadBalancer ${what}; the Service keeps ${addresses}` };
}

/** Are the addresses announced, according to the conditions that the speakers wrote? undefined: no speaker has written one yet. */
function announcedFinding(
  { bindings }: Assigned,
  { advertised, entryOf }: StatusContext,
): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  const unadvertised = bindings.find(({ pool, address }) => !advertised(pool, entryOf(address)));
  if (unadvertised) {
    const { pool, address } = unadvertised;
    const message = `no L2Advertisement covers pool ${pool}: no node announces ${address}`;
    return { status: 'False', reason: 'NoAdvertisement', message };
  }
  const found = bindings.map(({ address }) => {
    const entry = entryOf(address);
    return entry && allocationCondition(entry, allocationConditions.announced);
  });
  const silent = found.find((one) => one?.status === 'False');
  if (silent) return { status: 'False', reason: silent.reason, message: silent.message };
  if (found.includes(undefined)) return undefined;
  const reason = found.find((one) => one?.reason !== 'Announced')?.reason ?? 'Announced';
  return { status: 'True', reason, message: found.map((one) => one?.message).join('; ') };
}

/** A condition with the time of the last change of its `status`, as the API conventions require. */
function condition(
  { service }: Decision,
  finding: Omit<Condition, 'lastTransitionTime'>,
  { now }: StatusContext,
): Condition {
  const before = conditionOf(service, finding.type);
  const lastTransitionTime = before?.status === finding.status ? before.lastTransitionTime : formatTime(now);
  return { ...withFittingMessage(finding), lastTransitionTime };
}

function pick({ reason, message }: Outcome): Outcome {
  return { reason, message };
}

function sameConditions(before: readonly Condition[], after: readonly Condition[]): boolean {
  return (
    before.length === after.length &&
    after.every((one) => {
      const other = before.find(({ type }) => type === one.type);
      return other !== undefined && !hasChanged(other, one);
    })
  );
}
