/** Tells Services what became of them: their status, and Events for what a person should know. */
import type { Ip } from '../addr/ip.ts';
import { conditionTypes, type RawService, type ServiceView } from '../api/service.ts';
import type { Decision } from '../ipam/decision.ts';
import {
  conditionOf,
  type DesiredStatus,
  desiredStatus,
  hasChanged,
  isMirrorOnly,
  noStatus,
  sameStatus,
} from '../ipam/status.ts';
import { isStale } from '../kube/client.ts';
import type { Regarding } from '../kube/events.ts';
import { servicePath } from '../kube/resources.ts';
import type { LedgerWriter } from './ledger.ts';
import { type Writer, writeEach } from './writer.ts';

/** A decision that is not in effect yet. */
interface Change {
  readonly decision: Decision;
  readonly desired: DesiredStatus;
}

/** Where a VIP is announced from is told to so many Services in one pass: after a node's death there are thousands, and new Services come first. */
const mirrorsAtOnce = 100;

/** Shows each Service its addresses, as soon as the ledger has them, or why it has none; and then who announces them. */
export async function applyDecisions(
  decisions: readonly Decision[],
  ledger: LedgerWriter,
  writer: Writer,
): Promise<void> {
  const changes = decisions.flatMap((decision) => changeOf(decision, ledger, writer) ?? []);
  const isMirror = ({ decision, desired }: Change) => isMirrorOnly(decision.service, desired);
  const mirrors = changes.filter(isMirror);
  const write = {
    of: ({ decision }: Change) => decision.service,
    write: (change: Change) => applyChange(change, ledger, writer),
  };
  const urgent = mirrors.length === 0 ? changes : changes.filter((change) => !isMirror(change));
  await writeEach(writer, urgent, write);
  await writeEach(writer, mirrors.slice(0, mirrorsAtOnce), write);
  if (mirrors.length > mirrorsAtOnce) writer.loop.trigger();
}

/** Takes what is ours from the status of Services that are not ours any more. */
export function clearStrays(strays: readonly ServiceView[], writer: Writer): Promise<void> {
  return writeEach(writer, strays, {
    of: (service) => service,
    write: async (service) => void (await writeStatus(service, noStatus, writer)),
  });
}

/** What is to be done; undefined where all is as it should be, as it is with most. */
function changeOf(decision: Decision, ledger: LedgerWriter, { status, inEffect, loop }: Writer): Change | undefined {
  if (inEffect.has(decision)) return undefined;
  const desired = desiredStatus(decision, status);
  if (desired.retryInMs !== undefined) loop.triggerIn(desired.retryInMs);
  const isBound = decision.kind === 'Refused' || decision.bindings.every(({ address }) => !ledger.mustBind(address));
  if (!isBound || !sameStatus(decision.service, desired, status.ownership)) return { decision, desired };
  // A status that waits for something is to be looked at again.
  if (desired.retryInMs === undefined) inEffect.add(decision);
  return undefined;
}

async function applyChange({ decision, desired }: Change, ledger: LedgerWriter, writer: Writer): Promise<void> {
  const { service } = decision;
  if (decision.kind === 'Assigned') {
    const bound = await Promise.all(decision.bindings.map(({ address }) => ledger.bind(address)));
    if (bound.includes(false) || writer.signal.aborted) return;
  }
  if (sameStatus(service, desired, writer.status.ownership)) return;
  if (!(await confirmUnseen(service, desired, ledger)) || writer.signal.aborted) return;
  if (!(await writeStatus(service, desired, writer))) return;
  // A Service that moved shows its former address no longer: the next pass releases it.
  if (service.ingress.length > 0 && !isMirrorOnly(service, desired)) writer.loop.trigger();
  await report(decision, desired, writer);
}

/** The ledger must be sure of what the status is going to show for the first time, or again. */
async function confirmUnseen(
  service: ServiceView,
  { ingress = [] }: DesiredStatus,
  ledger: LedgerWriter,
): Promise<boolean> {
  const shown = new Set(service.ingress.map(({ ip }) => ip));
  const unseen = ingress.flatMap(({ ip }) => (ip === undefined || shown.has(ip) ? [] : [ip as Ip]));
  return !(await Promise.all(unseen.map((ip) => ledger.confirm(ip)))).includes(false);
}

/**
 * Server-side apply of our whole part of the status. A write that was decided on an older version, or on a deleted namesake, is
 * refused: false. Whoever changed the Service has woken the loop.
 */
async function writeStatus(service: ServiceView, desired: DesiredStatus, writer: Writer): Promise<boolean> {
  const { client, signal, informers, status } = writer;
  const { namespace, name, uid, resourceVersion } = service;
  const { ingress, conditions, force } = desired;
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, uid, resourceVersion },
    status: { ...(ingress && { loadBalancer: { ingress } }), conditions },
  };
  const { writer: manager } = status.ownership;
  try {
    const raw = await client.apply<RawService>({
      path: `${servicePath(service)}/status`,
      body,
      signal,
      manager,
      force,
    });
    if (ingress) status.conflicts.wrote(service, ingress, status.now);
    informers.services.assume(raw);
    return true;
  } catch (error) {
    if (isStale(error)) return false;
    throw error;
  }
}

/** What nobody needs to be told at once: many a Service is made before its Pods. */
const quiet: ReadonlySet<string> = new Set(['Allocated', 'Announced', 'NoEndpoints']);

/** Events tell refusals, when they begin or change; successes are in the condition. */
async function report(decision: Decision, desired: DesiredStatus, { events, log }: Writer): Promise<void> {
  const { service } = decision;
  const regarding = regardingOf(service);
  for (const condition of desired.conditions) {
    const { type, reason, message } = condition;
    if (quiet.has(reason) || !hasChanged(conditionOf(service, type), condition)) continue;
    log.info({ svc: service.key, reason, message }, 'service not served in full');
    const action = type === conditionTypes.allocated ? 'Allocate' : 'Announce';
    await events.send({ regarding, type: 'Warning', reason, action, note: message });
  }
  if (decision.kind === 'Refused' || decision.evicted === undefined) return;
  const { reason, message } = decision.evicted;
  const note = `${message}; it now has ${decision.bindings.map(({ address }) => address).join(', ')}`;
  log.warn({ svc: service.key, reason, message: note }, 'address changed');
  await events.send({ regarding, type: 'Warning', reason, action: 'Allocate', note });
}

function regardingOf({ namespace, name, uid }: ServiceView): Regarding {
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid };
}
