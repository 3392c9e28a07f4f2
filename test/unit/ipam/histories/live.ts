/** Runs a history with the program's own controllers. */
import assert from 'node:assert/strict';
import type { Snapshot } from '../../../../src/ipam/allocate.ts';
import { MemoryCluster } from './cluster.ts';
import { happen } from './happen.ts';
import { Judge, type Leniency } from './judge.ts';
import type { Op } from './ops.ts';
import { Replica, takeFaults } from './replica.ts';

/** Options of a life. */
export interface Outlook extends Leniency {
  /** Is called with the leader's snapshot before each of its decisions. */
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

  /** Starts a replica. It ends together with this life. */
  async start(former?: Replica): Promise<Replica> {
    const replica = await Replica.start(this.cluster, former);
    this.#replicas.add(replica);
    return replica;
  }

  /** The replica that knows everything. It is replaced after a crash. */
  async leader(): Promise<Replica> {
    this.#leader = await this.#successorOf(this.#leader);
    await this.#leader.hear();
    this.#look(this.#leader.snapshot);
    return this.#leader;
  }

  /** The replica that knows only what was delivered to it. It is replaced after a crash. */
  async other(): Promise<Replica> {
    this.#other = await this.#successorOf(this.#other);
    return this.#other;
  }

  /** Lets all operations happen. */
  async happen(ops: readonly Op[]): Promise<void> {
    // Both replicas exist from the beginning.
    await this.leader();
    await this.other();
    for (const [i, op] of ops.entries()) {
      await happen(op, { cluster: this.cluster, leader: () => this.leader(), other: () => this.other() });
      this.judge.moment();
      this.assertSound(`op ${i} (${op.op})`);
    }
  }

  /** Runs passes of a new replica until it finds nothing to do. Returns it, and the milliseconds until its next pass. */
  rest = async (): Promise<{ readonly replica: Replica; readonly dueInMs: number | undefined }> => {
    const replica = await this.start();
    for (let round = 0; round < 10; round++) {
      await replica.hear();
      const { writes, dueInMs } = await replica.pass({ reports: true });
      this.judge.moment();
      this.assertSound('on the way to rest');
      if (writes === 0) return { replica, dueInMs };
    }
    assert.fail('the controller does not come to rest');
  };

  /** Fails if the judge found a violation, or if a write was refused that must not be refused. */
  assertSound(when: string): void {
    const [first] = [...this.judge.failures, ...takeFaults()];
    if (first !== undefined)
      throw new Error(`${when}: ${first instanceof Error ? first.message : first}`, { cause: first });
  }

  /** Ends all replicas. */
  end(): void {
    for (const replica of this.#replicas) replica.end();
    this.cluster.end();
  }

  async #successorOf(replica: Replica | undefined): Promise<Replica> {
    if (replica !== undefined && !replica.client.isStopped) return replica;
    return this.start(replica);
  }
}

/** Runs a story in a new life, and ends the life. */
export async function lived(outlook: Outlook, story: (life: Life) => Promise<void>): Promise<void> {
  const life = new Life(outlook);
  try {
    await story(life);
  } finally {
    life.end();
  }
}
