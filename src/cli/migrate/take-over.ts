/**
 * Takes Services over with their current addresses. In this order of steps, every address is announced at every moment:
 *
 *   1. Stop MetalLB's controller: from now on no other program gives out addresses. MetalLB's speakers still announce.
 *   2. Create Berth's pools and advertisements. Berth does not change Services that another program serves.
 *   3. Service by Service (Services that share an address together): annotate it, so that Berth takes it over, and wait
 *      until Berth's ledger and the Service's status have its address. Berth announces an adopted address at once,
 *      without probing it first.
 *   4. Stop MetalLB's speakers.
 *   5. Wait until a node holds and announces every address.
 */
import { parseIp } from '../../addr/ip.ts';
import type { RawAllocation } from '../../api/allocation.ts';
import { parseService, type RawService, takeOverAnnotation } from '../../api/service.ts';
import { isForeign, type Ownership } from '../../ipam/ownership.ts';
import { type ApiRequest, hasStatus } from '../../kube/client.ts';
import { collections, servicePath } from '../../kube/resources.ts';
import { wait } from '../../runtime/wait.ts';
import { ask, listAll, readOne } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import { wrong } from '../output/failure.ts';
import type { Migration } from './convert/metallb.ts';
import type { ConvertedService } from './convert/services.ts';
import { addressesOf, keyOf } from './steps.ts';

/** The input of a take-over. */
interface TakeOver {
  readonly session: Session;
  readonly migration: Migration;
  /** The groups of Services, in the order of the take-over. */
  readonly groups: readonly (readonly ConvertedService[])[];
  /** The workloads of MetalLB to stop. */
  readonly programs: readonly Workload[];
  readonly ownership: Ownership;
}

/** An address after the take-over. */
export interface TakenAddress {
  readonly service: string;
  readonly address: string;
  /** The node that announces it; undefined if no node does. */
  readonly holder: string | undefined;
  readonly message: string;
}

/** A node selector that no node matches: a DaemonSet cannot be scaled to zero. */
const stoppedSelector = { 'berth.dev/stopped-by-migrate': 'true' } as const;

const pollMs = 300;
/** Longer than the minute that Berth waits before it writes to a status that another program has written to. */
const timeoutMs = 90_000;
const mergePatch = 'application/merge-patch+json';

/**
 * Runs the take-over. Throws a Failure at the first Service that has not kept its address. The steps before
 * that are not undone, and a second run continues from there.
 */
export async function takeOver(work: TakeOver): Promise<readonly TakenAddress[]> {
  const { session, migration, groups, programs } = work;
  const reach = await session.reach();
  const note = (text: string) => session.terminal.note(`${text}\n`);
  for (const one of programs.filter(({ kind }) => kind === 'Deployment')) await stop(one, { session, reach });
  await make(reach, collections.pools, migration.pools);
  await make(reach, collections.advertisements, migration.advertisements);
  note(`created IPAddressPools (${migration.pools.length}) and L2Advertisements (${migration.advertisements.length})`);
  for (const [i, group] of groups.entries()) {
    await takeGroup(group, work, reach);
    for (const { service } of group) {
      note(`${i + 1}/${groups.length} ${keyOf(service)} keeps ${addressesOf(service).join(', ')}`);
    }
  }
  for (const one of programs.filter(({ kind }) => kind === 'DaemonSet')) await stop(one, { session, reach });
  return announced(groups.flat(), { session, reach });
}

interface Connection {
  readonly session: Session;
  readonly reach: Reach;
}

async function stop({ kind, namespace, name }: Workload, { session, reach }: Connection): Promise<void> {
  const isDeployment = kind === 'Deployment';
  const path = `/apis/apps/v1/namespaces/${namespace}/${isDeployment ? 'deployments' : 'daemonsets'}/${name}`;
  const body = isDeployment
    ? { spec: { replicas: 0 } }
    : { spec: { template: { spec: { nodeSelector: stoppedSelector } } } };
  await patch(reach, { path, body });
  const isGone = async () => {
    const object = await readOne<{
      readonly metadata?: { readonly generation?: number };
      readonly status?: Readonly<Record<string, number | undefined>>;
    }>(reach, path);
    if ((object?.status?.observedGeneration ?? 0) < (object?.metadata?.generation ?? 0)) return false;
    const counts = isDeployment ? ['replicas'] : ['desiredNumberScheduled', 'currentNumberScheduled', 'numberReady'];
    return counts.every((field) => (object?.status?.[field] ?? 0) === 0);
  };
  if (!(await until(isGone, session)))
    throw wrong(
      `${kind} ${namespace}/${name} still has Pods after ${timeoutMs / 1_000} s`,
      'check its Pods, then run the command again',
    );
  session.terminal.note(`stopped ${kind} ${namespace}/${name}\n`);
}

/** Creates objects. An object that exists already is not changed: the preview has taken it into account. */
async function make(reach: Reach, path: string, objects: readonly unknown[]): Promise<void> {
  for (const body of objects) {
    try {
      await reach.client.json({ method: 'POST', path, body });
    } catch (error) {
      if (!hasStatus(error, 409))
        throw wrong(
          `the API server refuses an object: ${(error as Error).message}`,
          'no Service was taken over; for details, run the command without --apply and kubectl apply -f its output',
        );
    }
  }
}

async function takeGroup(
  group: readonly ConvertedService[],
  { session, ownership }: TakeOver,
  reach: Reach,
): Promise<void> {
  for (const { service, annotations } of group)
    await annotate(reach, service, { ...annotations, [takeOverAnnotation]: 'true' });
  try {
    for (const { service } of group) {
      let why = '';
      const isTaken = async () => {
        why = await missing(service, ownership, reach);
        return why === '';
      };
      if (await until(isTaken, session)) continue;
      throw wrong(
        `Service ${keyOf(service)} was not taken over: ${why}`,
        "MetalLB's speakers still announce its address if they run; the Services before it are taken over. For details see kubectl describe service",
      );
    }
  } finally {
    for (const { service } of group) await annotate(reach, service, { [takeOverAnnotation]: null });
  }
}

/**
 * Says why Berth does not serve a Service with its addresses yet; empty if it does. Throws a Failure if an
 * address has changed.
 */
async function missing(before: RawService, ownership: Ownership, reach: Reach): Promise<string> {
  const now = await readOne<RawService>(
    reach,
    servicePath({ namespace: before.metadata.namespace ?? '', name: before.metadata.name }),
  );
  if (now === undefined) return '';
  const [had, has] = [addressesOf(before), addressesOf(now)];
  if ([...had].sort().join() !== [...has].sort().join()) {
    throw wrong(
      `Service ${keyOf(before)} had ${had.join(', ')} and now has ${has.join(', ') || 'no address'}: stopped here`,
      'docs/migrate.md describes the way back',
    );
  }
  const view = parseService(now);
  if (isForeign(view, ownership)) {
    const condition = view.conditions.find(({ type }) => type === 'berth.dev/Allocated');
    return condition
      ? `${condition.reason}: ${condition.message}`
      : "Berth's controller has not handled it yet; check that a controller runs";
  }
  const entries = await listAll<RawAllocation>(reach, collections.allocations);
  const own = entries
    .filter(({ spec }) => spec.services.some(({ uid }) => uid === now.metadata.uid))
    .map(({ spec }) => spec.address);
  return own.length < had.length ? 'not all of its addresses are in the ledger yet' : '';
}

async function annotate(
  reach: Reach,
  { metadata }: RawService,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const path = servicePath({ namespace: metadata.namespace ?? '', name: metadata.name });
  await patch(reach, { path, body: { metadata: { annotations } } });
}

async function patch(reach: Reach, request: Pick<ApiRequest, 'path' | 'body'>): Promise<void> {
  await ask(reach, { ...request, method: 'PATCH', contentType: mergePatch }, 'patch');
}

async function announced(
  services: readonly ConvertedService[],
  { session, reach }: Connection,
): Promise<readonly TakenAddress[]> {
  const wanted = services.flatMap(({ service }) =>
    addressesOf(service).map((address) => ({ service: keyOf(service), address })),
  );
  let found: readonly TakenAddress[] = [];
  await until(async () => {
    const entries = await listAll<RawAllocation>(reach, collections.allocations);
    found = wanted.map((one) => withHolder(one, entries));
    return found.every(({ holder }) => holder !== undefined);
  }, session);
  return found;
}

function withHolder(one: Pick<TakenAddress, 'service' | 'address'>, entries: readonly RawAllocation[]): TakenAddress {
  const { status } = entries.find(({ spec }) => spec.address === parseIp(one.address)) ?? {};
  const condition = status?.conditions?.find(({ type }) => type === 'Announced');
  const message = condition ? `${condition.reason}: ${condition.message}` : 'no speaker has reported on it yet';
  return { ...one, holder: condition?.status === 'True' ? status?.holder?.node : undefined, message };
}

/** Waits for a condition. Returns false after the timeout, or when the user aborts. */
async function until(isSo: () => Promise<boolean>, { signal }: Session): Promise<boolean> {
  const begin = performance.now();
  while (!(await isSo())) {
    if (signal.aborted || performance.now() - begin > timeoutMs) return false;
    await wait(pollMs, signal);
  }
  return true;
}
