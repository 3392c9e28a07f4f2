/** Carries out a plan: the ledger first, then what people see. Every write holds a precondition, so a stale one is refused. */
import { type AllocationView, newAllocation, parseAllocation, type RawAllocation } from '../api/allocation.ts';
import { conditionTypes, parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Assigned, Decision } from '../ipam/allocate.ts';
import { conditionOf, type DesiredStatus, desiredStatus, isNews, sameStatus } from '../ipam/status.ts';
import { hasStatus, type KubeClient } from '../kube/client.ts';
import { collections, servicePath } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** Gives addresses to Services and tells each what became of it. */
export function applyDecisions(decisions: readonly Decision[], writer: Writer): Promise<void> {
  return writeEach(writer, decisions, {
    of: ({ service }) => service,
    write: (decision) => applyDecision(decision, writer),
  });
}

/** Takes what is ours from the status of Services that are not ours any more. */
export function clearStrays(strays: readonly ServiceView[], writer: Writer): Promise<void> {
  return writeEach(writer, strays, {
    of: (service) => service,
    write: (service) => writeStatus(service, { ingress: undefined, conditions: [] }, writer),
  });
}

/** Gives back the addresses that nobody needs. Those that a live Service still shows stay until its status says otherwise. */
export function releaseAll(entries: readonly AllocationView[], writer: Writer): Promise<void> {
  return writeEach(writer, entries, { of: (entry) => entry, write: (entry) => release(entry, writer) });
}

async function applyDecision(decision: Decision, writer: Writer): Promise<void> {
  if (decision.kind === 'Assigned' && decision.create && !(await bind(decision, writer))) return;
  const { service } = decision;
  const desired = desiredStatus(decision, writer.status);
  if (sameStatus(service, desired, writer.status.ownership)) return;
  await writeStatus(service, desired, writer);
  // A Service that moved shows its former address no longer: the next pass releases it.
  if (decision.kind === 'Assigned' && decision.create) writer.loop.trigger();
  await report(decision, desired, writer);
}

/** Creates the ledger's entry: the moment at which an address is taken. False when somebody else was faster. */
async function bind({ service, address, pool }: Assigned, writer: Writer): Promise<boolean> {
  const { client, log, loop, signal, watched } = writer;
  const body = newAllocation(address, pool, service);
  try {
    watched.allocations.assume(
      await client.json<RawAllocation>({ method: 'POST', path: collections.allocations, body, signal }),
    );
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    await learn(address, writer);
    log.info({ svc: service.key, vip: address }, 'address was taken meanwhile');
    loop.trigger();
    return false;
  }
  log.info({ svc: service.key, vip: address, pool }, 'address allocated');
  return !signal.aborted;
}

/** Takes in an entry that we did not know. Throws when it cannot be read: a person has to look at it. */
async function learn(address: string, { client, signal, watched }: Writer): Promise<void> {
  const raw = await client.json<RawAllocation>({ path: `${collections.allocations}/${address}`, signal });
  if (parseAllocation(raw) === undefined)
    throw new Error(`IPAllocation ${address} does not hold the address of its name`);
  watched.allocations.assume(raw);
}

/** Server-side apply of our whole part of the status. The uid makes a write for a deleted namesake fail. */
async function writeStatus(service: ServiceView, desired: DesiredStatus, writer: Writer): Promise<void> {
  const { client, signal, watched, status } = writer;
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
      signal,
    }),
  );
}

/** Events tell refusals, when they begin or change; successes are in the condition. */
async function report(decision: Decision, desired: DesiredStatus, { events, log }: Writer): Promise<void> {
  const { service } = decision;
  for (const condition of desired.conditions) {
    const news = isNews(conditionOf(service, condition.type), condition);
    if (!news || condition.reason === 'Allocated') continue;
    log.info({ svc: service.key, reason: condition.reason, message: condition.message }, 'service not served in full');
    const action = condition.type === conditionTypes.allocated ? 'Allocate' : 'Announce';
    const regarding = { apiVersion: 'v1', kind: 'Service', ...pick(service) };
    await events.send({ regarding, type: 'Warning', reason: condition.reason, action, note: condition.message });
  }
}

/** Gives an address back, unless the live object says that our view of its Service was old. */
async function release(entry: AllocationView, { client, log, loop, signal, watched }: Writer): Promise<void> {
  for (const ref of entry.services) {
    const live = await readService(client, ref, signal);
    if (live?.uid === ref.uid && live.isLoadBalancer && live.ingress.some(({ ip }) => ip === entry.address)) return;
  }
  const { uid, resourceVersion, address: vip, pool } = entry;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
  try {
    await client.json({ method: 'DELETE', path: `${collections.allocations}/${entry.name}`, body, signal });
  } catch (error) {
    // Gone already, or changed since: the next pass decides on what is there then.
    if (hasStatus(error, 404) || hasStatus(error, 409)) return;
    throw error;
  }
  watched.allocations.store.remove(uid, resourceVersion);
  // Somebody may wait for an address.
  loop.trigger();
  log.info({ vip, pool, svc: entry.services.map(({ namespace, name }) => `${namespace}/${name}`) }, 'address released');
}

async function readService(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<ServiceView | undefined> {
  try {
    return parseService(await client.json<RawService>({ path: servicePath(ref), signal }));
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

function pick({ namespace, name, uid }: ServiceView): { namespace: string; name: string; uid: string } {
  return { namespace, name, uid };
}
