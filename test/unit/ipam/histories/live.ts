/** Lets a history happen, with the program's own controllers in it. */
import assert from 'node:assert/strict';
import { MemoryCluster } from './cluster.ts';
import { happen } from './happen.ts';
import { Judge, type Leniency } from './judge.ts';
import type { Op } from './ops.ts';
import { Replica, takeFaults } from './replica.ts';

/** A cluster with its judge and its replicas. */
export class Life {
  readonly judge: Judge;
  readonly cluster: MemoryCluster;
  readonly #replicas = new Set<Replica>();
  #leader: Replica | undefined;
  #other: Replica | undefined;

  constructor(leniency: Leniency = {}) {
    this.judge = new Judge(() => this.cluster.facts, leniency);
    this.cluster = new MemoryCluster(this.judge);
  }

  /** Starts a replica. It ends with this life. */
  async start(): Promise<Replica> {
    const replica = await Replica.start(this.cluster);
    this.#replicas.add(replica);
    return replica;
  }

  /** The replica that knows everything; another one where it has crashed. */
  async leader(): Promise<Replica> {
    this.#leader = await this.#successorOf(this.#leader);
    await this.#leader.hear();
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
  }

  async #successorOf(replica: Replica | undefined): Promise<Replica> {
    if (replica !== undefined && !replica.client.isStopped) return replica;
    replica?.end();
    return this.start();
  }
}

/** Lives a life and ends it. */
export async function lived(leniency: Leniency, story: (life: Life) => Promise<void>): Promise<void> {
  const life = new Life(leniency);
  try {
    await story(life);
  } finally {
    life.end();
  }
}
