/** A replica of the controller in a cluster in memory: its own informers, and its own pass, which a test begins. */
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
import { ownership } from '../../fixtures.ts';
import { type Fate, MemoryClient } from './client.ts';
import type { MemoryCluster } from './cluster.ts';
import { isOfReservation } from './known-faults.ts';

/** A loop that turns only when a test says so. It remembers when it was to turn again. */
class StillLoop extends Loop {
  /** In how many milliseconds it is to turn again, at the latest. */
  dueInMs: number | undefined;

  constructor() {
    super({ log, resyncMs: Number.MAX_SAFE_INTEGER, pass: () => Promise.resolve() });
    this.trigger = () => undefined;
  }

  /** A pass begins. */
  begin(): void {
    this.dueInMs = undefined;
  }

  override triggerIn(ms: number): void {
    this.dueInMs = Math.min(ms, this.dueInMs ?? ms);
  }
}

/** What a well-made write may meet: another one was faster, or another program owns a field. */
const usual: ReadonlySet<number> = new Set([404, 409]);

/** Errors that were logged and that no well-made write should meet, since the last time that they were asked for. */
const faults: unknown[] = [];

const note = (error: unknown) => {
  if (error instanceof ApiError && !usual.has(error.status) && !isOfReservation(error)) faults.push(error);
  return '';
};

const log = pino({ level: 'warn', serializers: { err: note } }, { write: () => undefined });

/** The faults since the last call. */
export function takeFaults(): readonly unknown[] {
  return faults.splice(0);
}

/** Says nothing in pools' statuses, which the program does once a second at most. */
class SilentPoolStatus extends PoolStatus {
  override apply(): Promise<void> {
    return Promise.resolve();
  }
}

/** How a pass went. */
export interface Passed {
  /** Refused ones too. */
  readonly writes: number;
  /** In how many milliseconds another one was asked for, at the latest. */
  readonly dueInMs: number | undefined;
}

/** One replica, which believes that it leads. */
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
  /** Makes writes arrive whose answers are not waited for any more. */
  readonly #late: (() => void)[];

  private constructor(cluster: MemoryCluster, former: Replica | undefined) {
    this.#cluster = cluster;
    this.#late = former?.abandon() ?? [];
    this.client = new MemoryClient({ store: cluster.store, send: cluster.send });
    this.#events = new EventSender({ client: this.client, log, component: 'controller' });
    this.#informers = makeInformers(this.client, log, () => undefined);
  }

  /** Starts one: it reads everything. What a former one has sent may still arrive. */
  static async start(cluster: MemoryCluster, former?: Replica): Promise<Replica> {
    const replica = new Replica(cluster, former);
    for (const informer of Object.values(replica.#informers)) void informer.run(replica.#stop.signal);
    // An answer takes a few turns.
    for (let turn = 0; turn < 100 && !isSynced(replica.#informers); turn++) await Promise.resolve();
    assert.ok(isSynced(replica.#informers), 'the first lists are not read');
    await replica.hear();
    return replica;
  }

  /** What it would decide on. */
  get snapshot(): Snapshot {
    return { ...snapshotOf(this.#informers), ownership, now: this.#cluster.now };
  }

  /** What its watches have to tell arrives: of all kinds, or of one. */
  hear(path?: string): Promise<void> {
    return this.client.deliver(path);
  }

  /** A whole pass. Gives how many writes it made, refused ones too, and when the next one is wanted. */
  async pass(fate: Fate = {}): Promise<Passed> {
    await this.#giveUp();
    this.client.begin(fate);
    this.client.knowledge.decidedAt = this.#cluster.now;
    this.#loop.begin();
    const constant = { client: this.client, log, informers: this.#told, loop: this.#loop, events: this.#events };
    // What failed before is due again: a pass of a test comes as late as it likes.
    const anew = { backoff: new Backoff(), poolStatus: fate.reports ? new PoolStatus() : new SilentPoolStatus() };
    const parts = { ...constant, ...this.#state, ...anew, signal: this.#stop.signal };
    const running = pass(parts, { ownership, handOff: 'KubeProxy' });
    if (fate.writes === undefined && !fate.holds) await running;
    else {
      this.#underWay = running;
      await Promise.race([running, quiet()]);
    }
    return { writes: this.client.writes, dueInMs: this.#loop.dueInMs };
  }

  /** What it has sent and what was held back arrives, and the pass goes on to its end. */
  async strike(): Promise<void> {
    for (const arrive of this.#late.splice(0)) arrive();
    this.client.arrive();
    await this.#underWay;
    this.#underWay = undefined;
  }

  /** It ends. */
  end(): void {
    this.#stop.abort();
    this.client.close();
  }

  /** It ends as in a crash. Gives what makes the writes arrive that it had sent. */
  abandon(): (() => void)[] {
    this.end();
    return [...this.#late, this.client.giveUp()];
  }

  /** What it watches, for a pass. A decision alone looks at namespaces: then the client is told that what is known now is decided on. */
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

  /** A pass that waits for answers gives up, as after a time-out. Its writes are still on their way. */
  async #giveUp(): Promise<void> {
    if (this.#underWay === undefined || this.client.isStopped) return;
    this.#late.push(this.client.giveUp());
    await this.#underWay;
    this.#underWay = undefined;
  }
}

/** Everything that could go on has gone on. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
