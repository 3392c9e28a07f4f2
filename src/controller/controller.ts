/**
 * The controller: assigns addresses to Services.
 *
 *   Services, pools, ledger --kube/informer--> snapshot --ipam/allocate--> plan --apply--> IPAllocation, Service status
 *
 * One replica leads. The others keep their informers up to date and wait for the Lease.
 */
import type { Ip } from '../addr/ip.ts';
import { coversEntry, coversPool } from '../api/advertisement.ts';
import { crowdedOut, type HandOff } from '../api/hand-off.ts';
import { settle } from '../ipam/allocate.ts';
import { AllocationCache } from '../ipam/allocation-cache.ts';
import type { Ownership } from '../ipam/ownership.ts';
import type { StatusContext } from '../ipam/status.ts';
import { StatusConflicts } from '../ipam/status-conflicts.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { EventSender } from '../kube/events.ts';
import { faultOf, isSynced } from '../kube/informer-set.ts';
import { LeaderElector, type LeaseTiming } from '../kube/leader.ts';
import { Backoff } from '../runtime/backoff.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { Stragglers } from '../runtime/stragglers.ts';
import { wait } from '../runtime/wait.ts';
import { ActingClient } from './acting-client.ts';
import { applyDecisions, clearStrays } from './apply.ts';
import { InEffect } from './in-effect.ts';
import { LedgerWriter, releaseAll } from './ledger.ts';
import { keepLivenessKey } from './liveness-key.ts';
import { controllerMetrics } from './metrics.ts';
import { endMoves } from './moves.ts';
import { PoolStatus } from './pool-status.ts';
import { hasObject, makeInformers, snapshotOf } from './snapshot.ts';
import type { Writer } from './writer.ts';

/** The controller's command line options. */
interface ControllerOptions {
  /** The version of Berth. */
  readonly version: string;
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** The classes of the Services that it serves. */
  readonly classes: readonly string[];
  readonly withoutClass: boolean;
  /** May it take over addresses that another program wrote to the status of Services without a class? */
  readonly takeOver: boolean;
  readonly timing: LeaseTiming;
  /** Name of the Secret with the speakers' key, in the same namespace. */
  readonly livenessSecret: string;
  /** The hand-off of Services that request none. */
  readonly handOff: HandOff;
  /** `ADDRESS:PORT` of the health endpoint. */
  readonly health: string;
}

/** The field manager of the controller's writes. It identifies the author of a status, so it must never change. */
const writer = 'berth-controller';
const resyncMs = 60_000;
/** How often a start checks whether all first lists are read. */
const syncPollMs = 20;

/** Runs the controller until the signal aborts. Rejects if it cannot start, or if it loses the Lease. */
export async function runController(options: ControllerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const client = new KubeClient(await connect(options.kubeconfig));
  const { classes, withoutClass, takeOver, handOff } = options;
  const ownership: Ownership = { classes, withoutClass, takeOver, writer };
  const loop = new Loop({
    log,
    resyncMs,
    pass: (acting) => pass({ ...constant, loop, signal: acting }, { ownership, handOff }),
  });
  const informers = makeInformers(client, log, loop.trigger);
  const { namespace, timing } = options;
  const election = new LeaderElector({ client, log, namespace, lease: 'berth-controller', timing });
  const lost = new AbortController();
  const leading = AbortSignal.any([signal, lost.signal]);
  const acting = new ActingClient(client, { signal: leading, throwIfLost: () => stopIfLost(election, lost) });
  const events = new EventSender({ client: acting, log, component: 'controller' });
  const state = {
    backoff: new Backoff(),
    cache: new AllocationCache(),
    conflicts: new StatusConflicts(),
    poolStatus: new PoolStatus(),
    inEffect: new InEffect(),
    stragglers: new Stragglers(),
  };
  const constant = { client: acting, log, events, informers, ...state };
  let leads = false;
  const closeHealth = await serveHealth({
    listen: options.health,
    live: { loop: loop.fault, watches: () => faultOf(informers) },
    ready: { informers: () => (isSynced(informers) ? undefined : 'first lists are not read yet') },
    metrics: controllerMetrics({
      ...{ version: options.version, informers, leads: () => leads },
      parts: [...loop.metrics, ...client.calls.metrics],
    }),
  });
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const runs = Object.values(informers).map((informer) => informer.run(running));
  try {
    while (!isSynced(informers) && !signal.aborted) await wait(syncPollMs, signal);
    if (signal.aborted) return;
    const services = informers.services.store.values().length;
    log.info({ services, afterMs: Math.round(performance.now()) }, 'ready');
    await election.lead(signal);
    leads = !signal.aborted;
    void keepLivenessKey({ client: acting, log, signal: running, namespace, secret: options.livenessSecret });
    const acts = loop.run(leading).then(() => state.stragglers.settled());
    await actWhileLeading(election, { acts, lost, signal });
  } finally {
    leads = false;
    stop.abort();
    closeHealth();
    await Promise.all(runs);
    client.close();
  }
}

/**
 * Acts while this process holds the Lease. No write begins after the Lease is lost. The Lease is released only after all writes have
 * ended.
 */
async function actWhileLeading(
  election: LeaderElector,
  {
    acts,
    lost,
    signal,
  }: { readonly acts: Promise<void>; readonly lost: AbortController; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await election.hold(signal);
  } finally {
    lost.abort();
    await acts;
  }
  await election.giveBack();
}

/** Ends the writes of this process, and throws, if the Lease may have run out. */
function stopIfLost(election: LeaderElector, lost: AbortController): void {
  try {
    election.throwIfLost();
  } catch (error) {
    lost.abort(error);
    throw error;
  }
}

/** The parts that a pass uses. The last three keep their state from one pass to the next. */
type PassParts = Omit<Writer, 'status'> & {
  readonly cache: AllocationCache;
  readonly conflicts: StatusConflicts;
  readonly poolStatus: PoolStatus;
};

/** The configuration that decisions depend on. */
interface Rules {
  readonly ownership: Ownership;
  readonly handOff: HandOff;
}

/** One pass: decides about everything that is known, and writes the differences. */
export async function pass(
  { cache, conflicts, poolStatus, ...constant }: PassParts,
  { ownership, handOff }: Rules,
): Promise<void> {
  const { informers, backoff, loop } = constant;
  const advertisements = informers.advertisements.store.values();
  const advertised: StatusContext['advertised'] = (pool, entry) =>
    advertisements.some((one) => (entry ? coversEntry(one, { ...entry, pool }) : coversPool(one, pool)));
  constant.inEffect.forget(advertisements.map(({ uid, resourceVersion }) => `${uid}/${resourceVersion}`).join(' '));
  const now = Date.now();
  const writerNow = (): Writer => {
    const entries = new Map(informers.allocations.store.values().map((entry) => [entry.address, entry]));
    const entryOf = (address: Ip) => entries.get(address);
    const crowded = crowdedOut(informers.services.store.values(), handOff);
    return { ...constant, status: { ownership, advertised, entryOf, conflicts, now, handOff, crowded } };
  };
  const decideAll = () => settle({ ...snapshotOf(informers), ownership, now }, cache);

  let settled = decideAll();
  let writer = writerNow();
  if (settled.plan.releases.length > 0) {
    await releaseAll(settled.plan.releases, writer);
    // A Service may request an address that was just released. The releases took time, so decide again: decisions and writes must be based
    // on the same ledger.
    settled = decideAll();
    writer = writerNow();
  }
  const { decisions, binds, strays, nextAt, errors } = settled.plan;
  for (const [{ name }, err] of errors) constant.log.error({ name, err }, 'a decision failed');
  await applyDecisions(decisions, new LedgerWriter(binds, writer), writer);
  await clearStrays(strays, writer);
  await endMoves(informers.allocations.store.values(), writer);
  await poolStatus.apply(settled, writer);
  if (nextAt !== undefined) loop.triggerIn(nextAt - now);
  backoff.keepOnly((uid) => hasObject(informers, uid));
  // The API server empties the status when a Service is no longer of type LoadBalancer. This is not an overwrite by another program.
  conflicts.keepOnly((uid) => informers.services.store.get(uid)?.isLoadBalancer === true);
}
