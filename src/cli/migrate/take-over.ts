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
 *
 * Whatever ends it early, MetalLB's controller is started again if no Service was touched, and the last words say what runs.
 */
import { parseIp } from '../../addr/ip.ts';
import type { RawAllocation } from '../../api/allocation.ts';
import { parseService, type RawService, takeOverAnnotation } from '../../api/service.ts';
import { isForeign, type Ownership } from '../../ipam/ownership.ts';
import { collections, servicePath } from '../../kube/resources.ts';
import { listAll, readOne } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import { wrong } from '../output/failure.ts';
import type { ConvertedService } from './convert/services.ts';
import { interruptedWords, type Progress } from './last-words.ts';
import { createObjects, type NewObjects } from './objects.ts';
import { type Connection, start, stop } from './programs.ts';
import { mergePatch, unlessInterrupted, until } from './requests.ts';
import { addressesOf, keyOf } from './steps.ts';

/** The input of a take-over. */
interface TakeOver {
  readonly session: Session;
  readonly migration: NewObjects;
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

/**
 * Runs the take-over. Throws a Failure at the first Service that has not kept its address, and when the user interrupts. What was done
 * before that stays, a second run continues from there, and the last words are printed.
 */
export async function takeOver(work: TakeOver): Promise<readonly TakenAddress[]> {
  const { session, groups } = work;
  const reach = await session.reach();
  const progress: Progress = { stopped: [], hasBegun: false, taken: 0, total: groups.flat().length };
  try {
    return await steps(work, reach, progress);
  } catch (error) {
    if (!progress.hasBegun) progress.stopped = await undone(progress.stopped, { session, reach });
    session.terminal.note(interruptedWords(progress));
    throw error;
  }
}

async function steps(work: TakeOver, reach: Reach, progress: Progress): Promise<readonly TakenAddress[]> {
  const { session, migration, groups, programs } = work;
  const note = (text: string) => session.terminal.note(`${text}\n`);
  const stopAll = async (kind: Workload['kind']) => {
    for (const one of programs.filter((program) => program.kind === kind)) {
      unlessInterrupted(session);
      progress.stopped = [...progress.stopped, one];
      await stop(one, { session, reach });
    }
  };
  await stopAll('Deployment');
  await createObjects(migration, reach);
  note(`created IPAddressPools (${migration.pools.length}) and L2Advertisements (${migration.advertisements.length})`);
  for (const [i, group] of groups.entries()) {
    unlessInterrupted(session);
    progress.hasBegun = true;
    await takeGroup(group, work, reach);
    progress.taken += group.length;
    for (const { service } of group) {
      note(`${i + 1}/${groups.length} ${keyOf(service)} keeps ${addressesOf(service).join(', ')}`);
    }
  }
  await stopAll('DaemonSet');
  return announced(groups.flat(), { session, reach });
}

/** Starts again what this run has stopped, and nothing that stood before. Returns what is stopped now. */
async function undone(stopped: readonly Workload[], connection: Connection): Promise<readonly Workload[]> {
  const left: Workload[] = [];
  for (const one of stopped) {
    try {
      if (one.wanted === 0) left.push(one);
      else await start(one, connection);
    } catch (error) {
      connection.session.terminal.note(`${(error as Error).message}\n`);
      left.push(one);
    }
  }
  return left;
}

async function takeGroup(
  group: readonly ConvertedService[],
  { session, ownership }: TakeOver,
  reach: Reach,
): Promise<void> {
  try {
    // At once: until Berth has taken over all Services of an address, it knows only some of the ports there.
    await Promise.all(
      group.map(({ service, annotations }) =>
        annotate(reach, service, { ...annotations, [takeOverAnnotation]: 'true' }),
      ),
    );
    for (const { service } of group) {
      let why = '';
      const isTaken = async () => {
        why = await missing(service, ownership, reach);
        return why === '';
      };
      if (await until(isTaken, session)) continue;
      throw wrong(
        `Service ${keyOf(service)} was not taken over: ${why}`,
        "MetalLB's speakers still announce its address if they run; the Services before it are taken over. For details: kubectl berth explain",
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

/** Annotates a Service. One that was deleted meanwhile needs no annotation. */
async function annotate(
  reach: Reach,
  { metadata }: RawService,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const path = servicePath({ namespace: metadata.namespace ?? '', name: metadata.name });
  try {
    await mergePatch(reach, path, { metadata: { annotations } });
  } catch (error) {
    if ((await readOne(reach, path)) !== undefined) throw error;
  }
}

/** Removes the annotation that an interrupted take-over has left: with it, Berth would take the Service over again. */
export async function endTakeOvers(services: readonly RawService[], reach: Reach): Promise<void> {
  for (const service of services) await annotate(reach, service, { [takeOverAnnotation]: null });
}

/** Waits until every address is announced. A Service that was deleted meanwhile has none. */
async function announced(
  services: readonly ConvertedService[],
  { session, reach }: Connection,
): Promise<readonly TakenAddress[]> {
  let found: readonly TakenAddress[] = [];
  await until(async () => {
    const entries = await listAll<RawAllocation>(reach, collections.allocations);
    const present = new Set(
      (await listAll<RawService>(reach, collections.services)).map(({ metadata }) => metadata.uid),
    );
    const wanted = services.filter(({ service }) => present.has(service.metadata.uid));
    found = wanted.flatMap(({ service }) =>
      addressesOf(service).map((address) => withHolder({ service: keyOf(service), address }, entries)),
    );
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
