/** Lets a history happen, with the program's own controllers in it. */
import assert from 'node:assert/strict';
import type { Snapshot } from '../../../../src/ipam/allocate.ts';
import { MemoryCluster } from './cluster.ts';
import { happen } from './happen.ts';
import { Judge, type Leniency } from './judge.ts';
import type { Op } from './ops.ts';
import { Replica, takeFaults } from './replica.ts';

/** How a life is looked at. */
export interface Outlook extends Leniency {
  /** Is shown what the leader decides on, each time before it does. */
  readonly look?: (known: Snapshot) => void;
}

/** A cluster with its judge and its replicas. */
export class Life {
  readonly judge: Judge;
  readonly cluster: MemoryCluster;
  readonly #look: (known: Snapshot) => void;
  readonly #replicas = new Set<Replica>();
  #leader: Replica | undefined;
  #other: Replica | undefined;

  constructor({ look = () => undefined, ...leniency }: Outlook = {}) {
    this.#look = look;
    this.judge = new Judge(() => this.cluster.facts, leniency);
    this.cluster = new MemoryCluster(this.judge);
  }

  /** Starts a replica. It ends with this life. */
  async start(former?: Replica): Promise<Replica> {
    const replica = await Replica.start(this.cluster, former);
    this.#replicas.add(replica);
    return replica;
  }

  /** The replica that knows everything; another one where it has crashed. */
  async leader(): Promise<Replica> {
    this.#leader = await this.#successorOf(this.#leader);
    await this.#leader.hear();
    this.#look(this.#leader.snapshot);
    return this.#leader;
  }

  /** The replica that knows what it has been told; another one where it has crashed. */
  async other(): Promise<Replica> {
    this.#other = await this.#successorOf(this.#other);
    return this.#other;
  }

  /** Lets everything happen. */
  async happen(ops: readonly Op[]): Promise<void> {
    // Both are there from the beginning.
    await this.leader();
    await this.other();
    for (const [i, op] of ops.entries()) {
      await happen(op, { cluster: this.cluster, leader: () => this.leader(), other: () => this.other() });
      this.judge.moment();
      this.assertSound(`op ${i} (${op.op})`);
    }
  }

  /** Passes of a replica that has just started, until it finds nothing to do. Gives it, and in how many milliseconds there is more. */
  rest = async (): Promise<{ readonly replica: Replica; readonly dueInMs: number | undefined }> => {
    const replica = await this.start();
    for (let round = 0; round < 10; round++) {
      await replica.hear();
      const { writes, dueInMs } = await replica.pass({ reports: true });
      this.judge.moment();
      this.assertSound('on the way to rest');
      if (writes === 0) return { replica, dueInMs };
    }
    assert.fail('there is no end');
  };

  /** Nothing that was judged was wrong, and no write was refused that should not be. */
  assertSound(when: string): void {
    const [first] = [...this.judge.failures, ...takeFaults()];
    if (first !== undefined)
      throw new Error(`${when}: ${first instanceof Error ? first.message : first}`, { cause: first });
  }

  /** All replicas end. */
  end(): void {
    for (const replica of this.#replicas) replica.end();
    this.cluster.end();
  }

  async #successorOf(replica: Replica | undefined): Promise<Replica> {
    if (replica !== undefined && !replica.client.isStopped) return replica;
    return this.start(replica);
  }
}

/** Lives a life and ends it. */
export async function lived(outlook: Outlook, story: (life: Life) => Promise<void>): Promise<void> {
  const life = new Life(outlook);
  try {
    await story(life);
  } finally {
    life.end();
  }
}
