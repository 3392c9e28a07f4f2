/** The phases of the allocation bench, in order, for one number of Services. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../lab/cluster.ts';
import { type Log, phase } from '../lab/progress.ts';
import { type Api, inFlight } from './allocate-api.ts';
import * as objects from './allocate-objects.ts';
import type { Role, Usage } from './allocate-processes.ts';
import { type Requests, requestsSoFar, since, writesOf } from './allocate-requests.ts';

/** CPU seconds by name. */
export type Cpu = Readonly<Record<string, number>>;

/** What every phase needs. */
export interface Stage {
  readonly lab: Lab;
  readonly api: Api;
  readonly log: Log;
  /** Returns the CPU seconds so far of each program besides the controller, by name. */
  readonly others: Readonly<Record<string, () => number>>;
}

/** Names in {@link Stage.others}. */
export const [apiServer, etcd] = ['API server', 'etcd'];

/** The number of Services that measure the API server's own rate. */
const limitServices = 1_000;
/** The number of Services created before them, which are not measured. */
const warmUpServices = 200;
/** The number of Services that find the pool full. */
const extraServices = 1_000;
const settleMs = 15_000;
const idleMs = 30_000;
const freedRounds = 5;
const quietDeadlineMs = 30_000;

/** How many Services per second the API server takes from a client that does nothing else, next to the existing Services. */
export async function measureLimit({ api, lab, log, others }: Stage, services: number, inPlace: number) {
  const count = Math.min(limitServices, services);
  const beside = inPlace === 0 ? '' : ` beside ${inPlace}`;
  // The addresses after those of the existing Services.
  const address = (index: number) => objects.addressOf(lab.controlPlane, inPlace + index);
  const name = (index: number) => `limit-${index}`;
  const rate = async (what: string, count: number, afterwards: (index: number, uid: string) => Promise<unknown>) => {
    await api.warm();
    const [before, from] = [cpuOf(others), performance.now()];
    await phase(log, `${count} Services${beside}, ${what}, no controller`, () =>
      inFlight(count, async (index) => {
        const { uid } = await objects.createService(api, name(index));
        await afterwards(index, uid);
      }),
    );
    const [seconds, cpu] = [(performance.now() - from) / 1000, cpuOf(others, before)];
    const names = Array.from({ length: count }, (_, index) => name(index));
    await phase(log, 'deleting them', () => objects.deleteServices(api, names));
    return { perSecond: count / seconds, cpuMs: ((cpu[apiServer] ?? 0) + (cpu[etcd] ?? 0)) * (1000 / count) };
  };
  const patch = (index: number) => objects.patchStatus(api, name(index), address(index));
  const bind = async (index: number, uid: string) => {
    await objects.createEntry(api, address(index), { name: name(index), uid });
    await patch(index);
  };
  await rate('to warm up', Math.min(warmUpServices, services), patch);
  const created = await rate('created', count, async () => {});
  const patched = await rate('each with a status patch', count, patch);
  const bound = await rate('each with a ledger entry and a status patch', count, bind);
  await phase(log, 'deleting the entries', () => inFlight(count, (index) => objects.deleteEntry(api, address(index))));
  return { created, patched, bound };
}

/** Creates Services and waits until each one has an address. */
export async function measureCreation({ api, log, others }: Stage, controller: Role, { seen, names }: Created) {
  await api.warm();
  const before = await requestsSoFar(api);
  const [cpuBefore, othersBefore] = [controller.usage().cpuSeconds, cpuOf(others)];
  const exchanges: objects.Exchange[] = [];
  await phase(log, `creating ${names.length} Services`, () =>
    inFlight(names.length, async (index) => exchanges.push(await objects.createService(api, names[index] ?? ''))),
  );
  await phase(log, 'all have addresses', () => seen.addresses(names.length));
  const usage = controller.usage();
  const othersCpu = cpuOf(others, othersBefore);
  return {
    ...timesOf(exchanges, seen),
    cpuSeconds: usage.cpuSeconds - cpuBefore,
    usage,
    othersCpu,
    resumed: seen.resumed,
    requests: since(before, await whenQuiet({ api, log })),
  };
}

/** Computes the times from request and response to the address in the watch. */
function timesOf(exchanges: readonly objects.Exchange[], seen: objects.Seen) {
  const firstSentAt = Math.min(...exchanges.map(({ sentAt }) => sentAt));
  const lastAnsweredAt = Math.max(...exchanges.map(({ answeredAt }) => answeredAt));
  const assignedAt = (name: string) => seen.assigned.get(name) ?? Number.NaN;
  return {
    answerMs: sorted(exchanges.map(({ sentAt, answeredAt }) => answeredAt - sentAt)),
    servedMs: sorted(exchanges.map(({ answeredAt, name }) => assignedAt(name) - answeredAt)),
    addressMs: sorted(exchanges.map(({ sentAt, name }) => assignedAt(name) - sentAt)),
    totalMs: lastAnsweredAt - firstSentAt,
    /** Negative if the watch showed the last address before the last request was answered. */
    afterLastMs: Math.max(...seen.assigned.values()) - lastAnsweredAt,
  };
}

/** The created Services, and the watch that sees their addresses. */
export interface Created {
  readonly seen: objects.Seen;
  readonly names: readonly string[];
}

/** Starts a controller when all Services have addresses. It has nothing to do, but must find that out. */
export async function measureRestart({ api, log }: Stage, start: () => Role) {
  const before = await requestsSoFar(api);
  const controller = start();
  return phase(log, `restarted, ${settleMs / 1000} s`, async () => {
    const until = delay(settleMs);
    const readyMs = await controller.said('ready');
    const leadingMs = await controller.said('leading');
    await until;
    const requests = since(before, await requestsSoFar(api));
    return { controller, readyMs, leadingMs, requests, usage: controller.usage() };
  });
}

/**
 * Changes the type of all Services to ClusterIP and back to LoadBalancer. For Berth this is the same work as creation. When a Service
 * is created, the API server reads all ClusterIPs twice (Kubernetes 1.36), and with many Services it soon does nothing else.
 */
export async function measureConversion({ api, log }: Stage, controller: Role, names: readonly string[]) {
  const change = (type: 'LoadBalancer' | 'ClusterIP', each: (index: number, sentAt: number) => void = () => {}) =>
    inFlight(names.length, async (index) => {
      const sentAt = performance.now();
      await objects.changeType(api, names[index] ?? '', type);
      each(index, sentAt);
    });
  await api.warm();
  await phase(log, `${names.length} Services become ClusterIP`, () => change('ClusterIP'));
  await emptyLedger({ api, log });
  await whenQuiet({ api, log });
  const seen = await objects.Seen.from(api);
  const cpuBefore = controller.usage().cpuSeconds;
  const exchanges: { name: string; sentAt: number; answeredAt: number }[] = [];
  await phase(log, `${names.length} Services become LoadBalancers`, async () => {
    await change('LoadBalancer', (index, sentAt) =>
      exchanges.push({ name: names[index] ?? '', sentAt, answeredAt: performance.now() }),
    );
    await seen.addresses(names.length);
  });
  const usage = controller.usage();
  seen.end();
  return { ...timesOf(exchanges, seen), cpuSeconds: usage.cpuSeconds - cpuBefore, usage };
}

/** Creates more Services than the pool has addresses. Measures the cost of waiting, and how soon a freed address is used. */
export async function measureFullPool({ api, log }: Stage, controller: Role, { seen, names }: Created) {
  const extra = Array.from({ length: Math.min(extraServices, names.length) }, (_, index) => `extra-${index}`);
  const start = await requestsSoFar(api);
  await phase(log, `${extra.length} more Services than the pool holds`, async () => {
    await inFlight(extra.length, (index) => objects.createService(api, extra[index] ?? ''));
    await seen.refusals(extra.length);
  });
  const before = await whenQuiet({ api, log });
  const cpuBefore = controller.usage().cpuSeconds;
  await phase(log, `a full pool, ${idleMs / 1000} s`, () => delay(idleMs));
  const cpuSeconds = controller.usage().cpuSeconds - cpuBefore;
  const idle = since(before, await requestsSoFar(api));
  const freedMs: number[] = [];
  const rounds = Math.min(freedRounds, names.length);
  for (const name of names.slice(0, rounds)) {
    const given = seen.assigned.size;
    const sentAt = performance.now();
    await phase(log, 'a freed address', async () => {
      await objects.deleteService(api, name);
      await seen.addresses(given + 1);
    });
    freedMs.push(([...seen.assigned.values()].at(-1) ?? Number.NaN) - sentAt);
  }
  const left = [...names.slice(rounds), ...extra];
  const cpuPercent = (cpuSeconds / idleMs) * 100_000;
  return { refusing: since(start, before), extra: extra.length, cpuPercent, idle, freedMs: sorted(freedMs), left };
}

/** Deletes all Services and waits until the ledger is empty. */
export async function measureDeletion({ api, log }: Stage, names: readonly string[]) {
  const from = performance.now();
  await phase(log, `deleting ${names.length} Services`, () => objects.deleteServices(api, names));
  const deletedMs = performance.now() - from;
  await emptyLedger({ api, log });
  return { deletedMs, emptyMs: performance.now() - from };
}

function emptyLedger({ api, log }: Pick<Stage, 'api' | 'log'>): Promise<void> {
  return phase(log, 'the ledger is empty', () =>
    objects.noneLeft("entries of the ledger that are nobody's", () => objects.ledgerSize(api), 50),
  );
}

/** Returns the requests so far, after the controller has written nothing but the Lease for a second. */
async function whenQuiet({ api, log }: Pick<Stage, 'api' | 'log'>): Promise<Requests> {
  const deadline = performance.now() + quietDeadlineMs;
  let last = await requestsSoFar(api);
  for (;;) {
    await delay(1_000);
    const now = await requestsSoFar(api);
    if (writesOf(now) === writesOf(last)) return now;
    last = now;
    if (performance.now() < deadline) continue;
    // This is a result too: the table shows what the controller writes.
    log(`the controller still writes after ${quietDeadlineMs / 1000} s`);
    return now;
  }
}

/** Returns the CPU time that the other programs have used since `before`. */
function cpuOf(others: Stage['others'], before: Cpu = {}): Cpu {
  return Object.fromEntries(Object.entries(others).map(([name, cpu]) => [name, cpu() - (before[name] ?? 0)]));
}

function sorted(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b);
}

/** All measurements with one number of Services. */
export interface Results {
  readonly services: number;
  /** The rates without a controller: once without other Services, and once next to all Services of the bench. */
  readonly limits: { readonly [When in 'empty' | 'inPlace']: Awaited<ReturnType<typeof measureLimit>> };
  readonly creation: Awaited<ReturnType<typeof measureCreation>>;
  readonly restart: {
    readonly readyMs: number;
    readonly leadingMs: number;
    readonly requests: Requests;
    readonly usage: Usage;
  };
  readonly conversion: Awaited<ReturnType<typeof measureConversion>>;
  readonly full: Awaited<ReturnType<typeof measureFullPool>> | undefined;
  readonly deletion: Awaited<ReturnType<typeof measureDeletion>>;
}
