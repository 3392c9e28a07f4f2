/** The setup of all tests with two controllers: the controllers, many Services, and a record of all their changes. */
import assert from 'node:assert/strict';
import { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { eventually } from '../lab/poll.ts';
import { Churn } from './churn.ts';
import { type ControllerOptions, Controllers } from './controller-process.ts';
import { History, type Lists, listAll } from './history.ts';
import { disagreements, renumberedIn, traceOf, type Violation, violationsIn } from './invariants.ts';
import { Random } from './random.ts';

/** Options of a {@link World}. */
export interface WorldOptions extends ControllerOptions {
  readonly size: number;
  readonly sharing: number;
}

const settledMs = 120_000;
/** The most violations in a report: more would not help its reader. */
const mostTraces = 4;
/** A failure shows this many log lines about the wrong object, and this many from the end of the logs. */
const mostLines = 30;

/** Two controllers and many Services. */
export class World {
  readonly client: KubeClient;
  readonly random = new Random();
  readonly history: History;
  readonly controllers: Controllers;
  readonly churn: Churn;

  private constructor(client: KubeClient, history: History, options: WorldOptions) {
    this.client = client;
    this.history = history;
    this.churn = new Churn({ client, random: this.random, size: options.size, sharing: options.sharing });
    this.controllers = new Controllers(options);
  }

  /**
   * Starts the record, then the controllers. They clear the ledger of an earlier test first: a new Service gets the address that its
   * namesake had, and that may be an address that another Service will request.
   */
  static async begin(options: WorldOptions): Promise<World> {
    const client = new KubeClient(await connect(options.lab.kubeconfig));
    const world = new World(client, await History.begin(client), options);
    await eventually('an empty ledger', async () => (await listAll(client)).entries.length === 0);
    return world;
  }

  /** Creates the missing Services, and removes requests for addresses that another Service may have. Then all of them can be served. */
  async calm(): Promise<void> {
    const { services } = await listAll(this.client);
    const there = new Map(services.map((service) => [service.key, service]));
    await this.churn.all(this.churn.slots, async (slot) => {
      const service = there.get(slot.key);
      if (service === undefined) await this.churn.create(slot);
      else if (service.request !== undefined && !slot.own.some((ip) => ip === service.request))
        await this.churn.ask(slot, undefined);
    });
  }

  /** Waits until every Service has its address and the ledger agrees, and then checks the whole history. */
  async verify(count = this.churn.slots.length): Promise<Lists> {
    const agree = (lists: Lists) => {
      const wrong = disagreements(lists);
      assert.equal(wrong.length, 0, `${wrong.length} disagreements: ${wrong.slice(0, 5).join('; ')}`);
    };
    const settled = async () => {
      this.#mustBeSound();
      // The state from the watches costs nothing. The long lists are read only to prove a state that agrees.
      agree(this.history.now);
      const lists = await listAll(this.client);
      agree(lists);
      assert.ok(this.history.holds(lists), 'the watches lag');
      assert.equal(lists.services.filter(({ live }) => live).length, count);
      return lists;
    };
    const what = 'every Service with its address, and a ledger that agrees';
    const lists = await eventually(what, settled, { timeoutMs: settledMs }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#logOf(disagreements(this.history.now))}`, { cause: error });
    });
    this.#mustBeNone(violationsIn(this.history.facts));
    return lists;
  }

  /** Checks that no Service lost its address for another one that it did not request. */
  verifyNothingRenumbered(): void {
    this.#mustBeNone(renumberedIn(this.history.facts));
  }

  /** Ends all processes that it started, by pid, and removes the Services. The next controllers clear the ledger. */
  async end(): Promise<void> {
    try {
      await this.controllers.close();
      const { services } = await listAll(this.client);
      const there = new Set(services.map(({ key }) => key));
      await this.churn.all(
        this.churn.slots.filter(({ key }) => there.has(key)),
        (slot) => this.churn.remove(slot),
      );
    } finally {
      this.history.end();
      this.client.close();
    }
  }

  #mustBeNone(violations: readonly Violation[]): void {
    const traces = violations
      .slice(0, mostTraces)
      .map((each) => traceOf(each, this.history.facts, this.controllers.lines));
    assert.equal(
      violations.length,
      0,
      `seed ${this.random.seed}: ${violations.length} violations\n${traces.join('\n\n')}`,
    );
  }

  /** The controllers' last log lines about the first Service or entry that is wrong, and their last log lines about anything. */
  #logOf([wrong = '']: readonly string[]): string {
    const name = wrong.replace(/^entry /, '').split(' ')[0] ?? '';
    const about = this.controllers.lines.filter((line) => JSON.stringify(line).includes(`"${name}"`));
    const text = [...about.slice(-mostLines), ...this.controllers.lines.slice(-mostLines)].map((line) =>
      JSON.stringify(line),
    );
    return `seed ${this.random.seed}; ${wrong}\n${text.join('\n')}`;
  }

  #mustBeSound(): void {
    if (this.history.broken) throw this.history.broken;
    assert.deepEqual(this.controllers.failures, []);
  }
}
