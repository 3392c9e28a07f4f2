/** Writes the status of Services, and sends Events about outcomes that people should know. */
import type { Ip } from '../addr/ip.ts';
import { asWritten, conditionTypes, type RawService, type ServiceView } from '../api/service.ts';
import type { Assigned, Decision } from '../ipam/decision.ts';
import {
  conditionOf,
  type DesiredStatus,
  desiredStatus,
  hasChanged,
  isMirrorOnly,
  noStatus,
  sameStatus,
} from '../ipam/status.ts';
import type { Regarding } from '../kube/events.ts';
import { servicePath } from '../kube/resources.ts';
import type { LedgerWriter } from './ledger.ts';
import { throwLate } from './refusal.ts';
import { isDue, type Writer, writeEach } from './writer.ts';

/** A decision whose effects are not all written yet. */
interface Change {
  readonly decision: Decision;
  readonly desired: DesiredStatus;
}

/** The most conditions `Announced` that one pass copies: thousands change after the death of a node, and new Services come first. */
const mirrorsAtOnce = 100;

/**
 * Writes the status of each Service: its addresses once the ledger has them, or why it has none. Changes of `Announced` alone come
 * last.
 */
export async function applyDecisions(
  decisions: readonly Decision[],
  ledger: LedgerWriter,
  writer: Writer,
): Promise<void> {
  const changes = decisions.flatMap((decision) => changeOf(decision, ledger, writer) ?? []);
  const isMirror = ({ decision, desired }: Change) => isMirrorOnly(decision.service, desired);
  const isReady = ({ decision: { service } }: Change) => isDue(service, service.namespace, writer);
  const mirrors = changes.filter((change) => isMirror(change) && isReady(change));
  const write = {
    kind: 'Service' as const,
    of: ({ decision }: Change) => decision.service,
    write: (change: Change) => applyChange(change, ledger, writer),
  };
  await writeEach(
    writer,
    changes.filter((change) => !isMirror(change)),
    write,
  );
  await writeEach(writer, mirrors.slice(0, mirrorsAtOnce), write);
  if (mirrors.length > mirrorsAtOnce) writer.loop.trigger();
}

/** Removes Berth's fields from the status of Services that Berth no longer serves. */
export function clearStrays(strays: readonly ServiceView[], writer: Writer): Promise<void> {
  return writeEach(writer, strays, {
    kind: 'Service',
    of: (service) => service,
    write: (service) => writeStatus(service, noStatus, writer),
  });
}

/** The writes that a decision needs; undefined if it is in effect, as most are. */
function changeOf(decision: Decision, ledger: LedgerWriter, { status, inEffect, loop }: Writer): Change | undefined {
  if (inEffect.has(decision)) return undefined;
  const desired = desiredStatus(decision, status);
  if (desired.retryInMs !== undefined) loop.triggerIn(desired.retryInMs);
  const isBound = bindingsToWrite(decision, ledger).length === 0;
  if (!isBound || !sameStatus(decision.service, desired, status.ownership)) return { decision, desired };
  // A status that waits for a time must be checked again.
  if (desired.retryInMs === undefined) inEffect.add(decision);
  return undefined;
}

async function applyChange({ decision, desired }: Change, ledger: LedgerWriter, writer: Writer): Promise<void> {
  const { service } = decision;
  const bound = await Promise.all(bindingsToWrite(decision, ledger).map(({ address }) => ledger.bind(address)));
  if (bound.includes(false) || writer.signal.aborted) return;
  if (sameStatus(service, desired, writer.status.ownership)) {
    // If the API server drops a field of an entry, because its CRD is older than this version, the same write would be repeated.
    if (desired.retryInMs === undefined) writer.inEffect.add(decision);
    return;
  }
  if (!(await confirmUnseen(service, desired, ledger)) || writer.signal.aborted) return;
  await writeStatus(service, desired, writer);
  // The status of a Service that moved no longer shows its former address: the next pass releases that address.
  if (service.ingress.length > 0 && !isMirrorOnly(service, desired)) writer.loop.trigger();
  await report(decision, desired, writer);
}

/** The addresses of a Service that the ledger does not record for it as they are. */
function bindingsToWrite(decision: Decision, ledger: LedgerWriter): Assigned['bindings'] {
  if (decision.kind === 'Refused') return [];
  return decision.bindings.filter(({ address }) => ledger.mustBind(address, decision.service));
}

/** Confirms the entries of the addresses that the status is about to show and does not show now. */
async function confirmUnseen(
  service: ServiceView,
  { ingress = [] }: DesiredStatus,
  ledger: LedgerWriter,
): Promise<boolean> {
  const shown = new Set(service.ingress.map(({ ip }) => ip));
  const unseen = ingress.flatMap(({ ip }) => (ip === undefined || shown.has(ip) ? [] : [ip as Ip]));
  return !(await Promise.all(unseen.map((ip) => ledger.confirm(ip, service)))).includes(false);
}

/**
 * Server-side apply of the complete part of the status that Berth owns. The API server refuses a write that was decided on an older
 * version of the Service, or on a deleted Service of the same name.
 */
async function writeStatus(service: ServiceView, desired: DesiredStatus, writer: Writer): Promise<void> {
  const { client, signal, informers, status } = writer;
  const { namespace, name, uid, resourceVersion } = service;
  const { ingress, conditions, force } = desired;
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, uid, resourceVersion },
    status: { ...(ingress && { loadBalancer: { ingress: ingress.map(asWritten) } }), conditions },
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
    const written = informers.services.assume(raw);
    // Such a write would be repeated after its own event.
    if (written !== undefined && !sameStatus(written, desired, status.ownership)) {
      throw new Error(`the status was written, but another field manager keeps a part of it as it was`);
    }
  } catch (error) {
    await throwLate(error, { path: servicePath(service), informer: informers.services, known: service }, writer);
  }
}

/** Reasons without an Event. `NoEndpoints` is among them because many Services are created before their Pods. */
const withoutEvent: ReadonlySet<string> = new Set(['Allocated', 'Announced', 'NoEndpoints']);

/** Sends an Event when a refusal begins or changes. A success is visible in the condition only. */
async function report(decision: Decision, desired: DesiredStatus, { events, log }: Writer): Promise<void> {
  const { service } = decision;
  const regarding = regardingOf(service);
  for (const condition of desired.conditions) {
    const { type, reason, message } = condition;
    if (withoutEvent.has(reason) || !hasChanged(conditionOf(service, type), condition)) continue;
    log.info({ svc: service.key, reason, message }, 'service not fully served');
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
