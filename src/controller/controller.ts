/**
 * The controller: gives addresses to Services.
 *
 *   Services, pools, ledger --kube/informer--> snapshot --ipam/allocate--> plan --apply--> IPAllocation, Service status
 *
 * One replica leads; the others keep their informers warm and wait for the Lease.
 */
import { coversPool } from '../api/advertisement.ts';
import { planAllocations } from '../ipam/allocate.ts';
import type { Ownership } from '../ipam/ownership.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { EventSender } from '../kube/events.ts';
import { Election } from '../kube/leader.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { wait } from '../runtime/wait.ts';
import { type Applier, applyPlan } from './apply.ts';
import { applyPoolStatus } from './pool-status.ts';
import { isSynced, watchAll } from './snapshot.ts';

/** What the controller is told on its command line. */
export interface ControllerOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Classes of Services that are ours. */
  readonly classes: readonly string[];
  readonly withoutClass: boolean;
  /** `ADDRESS:PORT` of the health endpoint. */
  readonly health: string;
}

/** The field manager of our writes: whose status a Service carries is told by it, so it never changes. */
const writer = 'berth-controller';
const resyncMs = 60_000;

/** Runs the controller until the signal aborts. Rejects when it cannot start, or when it lost the lead. */
export async function runController(options: ControllerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const client = new KubeClient(await connect(options.kubeconfig));
  const events = new EventSender({ client, log, component: 'controller' });
  const ownership: Ownership = { classes: options.classes, withoutClass: options.withoutClass, writer };
  const loop = new Loop({ log, resyncMs, pass });
  const watched = watchAll(client, log, loop.trigger);
  const closeHealth = await serveHealth({
    listen: options.health,
    live: {},
    ready: { informers: () => (isSynced(watched) ? undefined : 'first lists are not read yet') },
  });
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const informers = Object.values(watched).map((informer) => informer.run(running));
  const election = new Election({ client, log, namespace: options.namespace, lease: 'berth-controller' });

  async function pass(): Promise<void> {
    const advertisements = watched.advertisements.store.values();
    const advertised = (pool: string) => advertisements.some((advertisement) => coversPool(advertisement, pool));
    const status = { ownership, advertised, now: new Date().toISOString() };
    const applier: Applier = { client, log, events, watched, status };
    const snapshot = {
      pools: watched.pools.store.values(),
      services: watched.services.store.values(),
      ledger: watched.allocations.store.values(),
      ownership,
    };
    await applyPlan(planAllocations(snapshot), applier);
    await applyPoolStatus(applier);
  }

  try {
    while (!isSynced(watched) && !signal.aborted) await wait(20, signal);
    const services = watched.services.store.values().length;
    log.info({ services, afterMs: Math.round(performance.now()) }, 'ready');
    await election.lead(signal);
    await leadUntilLost(election, loop, signal);
  } finally {
    stop.abort();
    closeHealth();
    await Promise.all(informers);
    client.close();
  }
}

/** Acts while the Lease is held. The last pass is over before the Lease is given back. */
async function leadUntilLost(election: Election, loop: Loop, signal: AbortSignal): Promise<void> {
  const lost = new AbortController();
  const running = loop.run(AbortSignal.any([signal, lost.signal]));
  try {
    await election.hold(signal);
  } finally {
    lost.abort();
    await running;
  }
  await election.giveBack();
}
