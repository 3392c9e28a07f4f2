/** Carries out a plan: the ledger first, then what people see. Every write holds a precondition, so a stale one is refused. */
import { type AllocationView, newAllocation, type RawAllocation } from '../api/allocation.ts';
import { conditionTypes, parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Assigned, Decision, Plan } from '../ipam/allocate.ts';
import { isOurs } from '../ipam/ownership.ts';
import {
  conditionOf,
  type DesiredStatus,
  desiredStatus,
  isNews,
  type StatusContext,
  sameStatus,
} from '../ipam/status.ts';
import { hasStatus, type KubeClient } from '../kube/client.ts';
import type { EventSender } from '../kube/events.ts';
import { collections, servicePath } from '../kube/resources.ts';
import type { Logger } from '../runtime/logger.ts';
import { inParallel } from '../runtime/parallel.ts';
import type { Watched } from './snapshot.ts';

/** Everything that applying needs. */
export interface Applier {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly events: EventSender;
  readonly watched: Watched;
  readonly status: StatusContext;
}

/** About what one client gets served at once by the API server's priority and fairness defaults. */
const writesAtOnce = 16;

/** Carries out a plan. Throws when some writes failed; all others are done then. */
export async function applyPlan(plan: Plan, applier: Applier): Promise<void> {
  const failed = [
    ...(await inParallel(plan.decisions, writesAtOnce, (decision) => applyDecision(decision, applier))),
    ...(await inParallel(plan.strays, writesAtOnce, (service) => clearStatus(service, applier))),
    ...(await inParallel(plan.releases, writesAtOnce, (entry) => release(entry, applier))),
  ];
  for (const { item, error } of failed) {
    const svc = 'service' in item ? item.service.key : 'key' in item ? item.key : undefined;
    applier.log.warn({ svc, vip: 'address' in item ? item.address : undefined, err: error }, 'write failed');
  }
  if (failed.length > 0) throw new Error(`${failed.length} writes failed`);
}

async function applyDecision(decision: Decision, applier: Applier): Promise<void> {
  if (decision.kind === 'Assigned' && decision.create && !(await bind(decision, applier))) return;
  const { service } = decision;
  const desired = desiredStatus(decision, applier.status);
  if (sameStatus(service, desired, applier.status.ownership)) return;
  await writeStatus(service, desired, applier);
  await report(decision, desired, applier);
}

/** Creates the ledger's entry: the moment at which an address is taken. False when somebody else was faster. */
async function bind({ service, address, pool }: Assigned, { client, log, watched }: Applier): Promise<boolean> {
  const body = newAllocation(address, pool, service);
  try {
    watched.allocations.assume(
      await client.json<RawAllocation>({ method: 'POST', path: collections.allocations, body }),
    );
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    log.info({ svc: service.key, vip: address }, 'address was taken meanwhile');
    return false;
  }
  log.info({ svc: service.key, vip: address, pool }, 'address allocated');
  return true;
}

/** Server-side apply of our whole part of the status. The uid makes a write for a deleted namesake fail. */
async function writeStatus(service: ServiceView, desired: DesiredStatus, applier: Applier): Promise<void> {
  const { client, watched, status } = applier;
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: service.namespace, name: service.name, uid: service.uid },
    status: {
      ...(desired.ingress && { loadBalancer: { ingress: desired.ingress } }),
      conditions: desired.conditions,
    },
  };
  watched.services.assume(
    await client.json<RawService>({
      method: 'PATCH',
      path: `${servicePath(service)}/status`,
      query: { fieldManager: status.ownership.writer },
      contentType: 'application/apply-patch+yaml',
      body,
    }),
  );
}

/** Events tell refusals, when they begin or change; successes are in the condition. */
async function report(decision: Decision, desired: DesiredStatus, { events, log }: Applier): Promise<void> {
  const { service, reason, message } = decision;
  for (const condition of desired.conditions) {
    const news = isNews(conditionOf(service, condition.type), condition);
    if (!news || condition.reason === 'Allocated') continue;
    log.info({ svc: service.key, reason: condition.reason, message: condition.message }, 'service not served in full');
    const action = condition.type === conditionTypes.allocated ? 'Allocate' : 'Announce';
    const regarding = { apiVersion: 'v1', kind: 'Service', ...pick(service) };
    await events.send({ regarding, type: 'Warning', reason: condition.reason, action, note: condition.message });
  }
  if (decision.kind === 'Refused') log.debug({ svc: service.key, reason, message }, 'service refused');
}

async function clearStatus(service: ServiceView, applier: Applier): Promise<void> {
  await writeStatus(service, { ingress: undefined, conditions: [] }, applier);
}

/** Gives an address back, unless the live object says that our view of its Service was old. */
async function release(entry: AllocationView, { client, log, watched, status }: Applier): Promise<void> {
  for (const ref of entry.services) {
    const live = await readService(client, ref);
    const needed =
      live?.uid === ref.uid && isOurs(live, status.ownership) && live.ingress.some(({ ip }) => ip === entry.address);
    if (needed) return;
  }
  const { uid, resourceVersion, address } = entry;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
  try {
    await client.json({ method: 'DELETE', path: `${collections.allocations}/${entry.name}`, body });
  } catch (error) {
    // Gone already, or changed since: the next pass decides on what is there then.
    if (hasStatus(error, 404) || hasStatus(error, 409)) return;
    throw error;
  }
  watched.allocations.store.remove(uid);
  log.info(
    { vip: address, pool: entry.pool, svc: entry.services.map(({ namespace, name }) => `${namespace}/${name}`) },
    'address released',
  );
}

async function readService(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
): Promise<ServiceView | undefined> {
  try {
    return parseService(await client.json<RawService>({ path: servicePath(ref) }));
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

function pick({ namespace, name, uid }: ServiceView): { namespace: string; name: string; uid: string } {
  return { namespace, name, uid };
}
