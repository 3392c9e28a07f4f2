/** A replica of the controller in a cluster in memory, with its own informers. A test starts its passes. */
import assert from 'node:assert/strict';
import { pino } from 'pino';
import { pass } from '../../../../src/controller/controller.ts';
import { InEffect } from '../../../../src/controller/in-effect.ts';
import { PoolStatus } from '../../../../src/controller/pool-status.ts';
import { type Informers, makeInformers, snapshotOf } from '../../../../src/controller/snapshot.ts';
import type { Snapshot } from '../../../../src/ipam/allocate.ts';
import { AllocationCache } from '../../../../src/ipam/allocation-cache.ts';
import { StatusConflicts } from '../../../../src/ipam/status-conflicts.ts';
import { ApiError } from '../../../../src/kube/client.ts';
import { EventSender } from '../../../../src/kube/events.ts';
import { isSynced } from '../../../../src/kube/informer-set.ts';
import { Backoff } from '../../../../src/runtime/backoff.ts';
import { Loop } from '../../../../src/runtime/loop.ts';
import { Stragglers } from '../../../../src/runtime/stragglers.ts';
import { ownership } from '../../fixtures.ts';
import { type Fate, MemoryClient } from './client.ts';
import type { MemoryCluster } from './cluster.ts';

/** A loop that runs only when a test starts a pass. It records when it would run next. */
class StillLoop extends Loop {
  /** The milliseconds until the next pass is due. */
  dueInMs: number | undefined;

  constructor() {
    super({ log, resyncMs: Number.MAX_SAFE_INTEGER, pass: () => Promise.resolve() });
    this.trigger = () => undefined;
  }

  /** Starts a pass. */
  begin(): void {
    this.dueInMs = undefined;
  }

  override triggerIn(ms: number): void {
    this.dueInMs = Math.min(ms, this.dueInMs ?? ms);
  }
}

/** Statuses that a correct write may meet: another writer was faster, or another program owns a field. */
const usual: ReadonlySet<number> = new Set([404, 409]);

/** Logged errors that no correct write may meet, since the last call of {@link takeFaults}. */
const faults: unknown[] = [];

const note = (error: unknown) => {
  if (error instanceof ApiError && !usual.has(error.status)) faults.push(error);
  return '';
};

const log = pino({ level: 'warn', serializers: { err: note } }, { write: () => undefined });

/** Returns the faults since the last call. */
export function takeFaults(): readonly unknown[] {
  return faults.splice(0);
}

/** Writes no pool status. The program writes it at most once a second. */
class SilentPoolStatus extends PoolStatus {
  override apply(): Promise<void> {
    return Promise.resolve();
  }
}

/** The result of a pass. */
export interface Passed {
  /** The number of writes, including refused ones. */
  readonly writes: number;
  /** The milliseconds until the next pass is due. */
  readonly dueInMs: number | undefined;
}

/** One replica. It believes that it is the leader. */
export class Replica {
  readonly client: MemoryClient;
  readonly #cluster: MemoryCluster;
  readonly #informers: Informers;
  readonly #stop = new AbortController();
  readonly #loop = new StillLoop();
  readonly #events: EventSender;
  readonly #state = { cache: new AllocationCache(), conflicts: new StatusConflicts(), inEffect: new InEffect() };
  /** A pass that waits for the answers to its writes. */
  #underWay: Promise<void> | undefined;
  /** Let writes arrive whose answers no pass waits for. */
  readonly #late: (() => void)[];

  private constructor(cluster: MemoryCluster, former: Replica | undefined) {
    this.#cluster = cluster;
    this.#late = former?.abandon() ?? [];
    this.client = new MemoryClient({ store: cluster.store, send: cluster.send });
    this.#events = new EventSender({ client: this.client, log, component: 'controller' });
    this.#informers = makeInformers(this.client, log, () => undefined);
  }

  /** Starts a replica, which reads everything. Writes of a former one may still arrive. */
  static async start(cluster: MemoryCluster, former?: Replica): Promise<Replica> {
    const replica = new Replica(cluster, former);
    for (const informer of Object.values(replica.#informers)) void informer.run(replica.#stop.signal);
    // An answer takes several microtasks.
    for (let turn = 0; turn < 100 && !isSynced(replica.#informers); turn++) await Promise.resolve();
    assert.ok(isSynced(replica.#informers), 'the first lists are not read');
    await replica.hear();
    return replica;
  }

  /** The snapshot that the replica would decide on. */
  get snapshot(): Snapshot {
    return { ...snapshotOf(this.#informers), ownership, now: this.#cluster.now };
  }

  /** Delivers the waiting watch events, of all kinds or of one. */
  hear(path?: string): Promise<void> {
    return this.client.deliver(path);
  }

  /** Runs a whole pass. Returns the number of writes, including refused ones, and the time until the next pass. */
  async pass(fate: Fate = {}): Promise<Passed> {
    await this.#giveUp();
    this.client.begin(fate);
    this.client.knowledge.decidedAt = this.#cluster.now;
    this.#loop.begin();
    const constant = { client: this.client, log, informers: this.#told, loop: this.#loop, events: this.#events };
    // Failed writes are due again: a test may run its pass as late as it likes.
    const anew = {
      backoff: new Backoff(),
      stragglers: new Stragglers(),
      poolStatus: fate.reports ? new PoolStatus() : new SilentPoolStatus(),
    };
    const parts = { ...constant, ...this.#state, ...anew, signal: this.#stop.signal };
    const running = pass(parts, { ownership, handOff: 'KubeProxy' });
    if (fate.writes === undefined && !fate.holds) await running;
    else {
      this.#underWay = running;
      await Promise.race([running, quiet()]);
    }
    return { writes: this.client.writes, dueInMs: this.#loop.dueInMs };
  }

  /** Lets all held writes arrive, and the pass run to its end. */
  async strike(): Promise<void> {
    for (const arrive of this.#late.splice(0)) arrive();
    this.client.arrive();
    await this.#underWay;
    this.#underWay = undefined;
  }

  /** Ends the replica. */
  end(): void {
    this.#stop.abort();
    this.client.close();
  }

  /** Ends the replica as in a crash. Returns functions that let its sent writes arrive. */
  abandon(): (() => void)[] {
    this.end();
    return [...this.#late, this.client.giveUp()];
  }

  /** The informers for a pass. Only a decision reads namespaces, so this tells the client that the pass decides now. */
  get #told(): Informers {
    const { client } = this;
    const { namespaces, ...others } = this.#informers;
    return {
      ...others,
      get namespaces() {
        client.decide();
        return namespaces;
      },
    };
  }

  /** Lets a waiting pass stop waiting, as after a time-out. Its writes are still under way. */
  async #giveUp(): Promise<void> {
    if (this.#underWay === undefined || this.client.isStopped) return;
    this.#late.push(this.client.giveUp());
    await this.#underWay;
    this.#underWay = undefined;
  }
}

/** Waits until everything that could run has run. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
