/** Disturbs the election of two controllers: the Lease is overwritten or deleted, or the leader sleeps until it has expired. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasStatus, type KubeClient } from '../../src/kube/client.ts';
import { leasesPath } from '../../src/kube/resources.ts';
import { eventually } from '../lab/poll.ts';
import { isAll } from '../lab/scope.ts';
import { namespace } from './berth.ts';
import type { Slot } from './churn.ts';
import type { ControllerProcess } from './controller-process.ts';
import type { World } from './ha-world.ts';
import type { EntryFact } from './history.ts';

/** The controller that leads by the Lease, and the controller that waits. */
export interface Pair {
  readonly leader: ControllerProcess;
  readonly standby: ControllerProcess;
}

const leasePath = `${leasesPath(namespace)}/berth-controller`;

/** Reads and changes the controllers' Lease as a foreign program. */
export class LeaseTamper {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The holder that the Lease names. */
  async holder(): Promise<string> {
    const lease = await this.#client.json<{ spec?: { holderIdentity?: string } }>({ path: leasePath });
    return lease.spec?.holderIdentity ?? '';
  }

  /** Writes another holder into the Lease, or an empty one. */
  async give(holderIdentity: string): Promise<void> {
    const contentType = 'application/merge-patch+json';
    await this.#unlessGone({ method: 'PATCH', path: leasePath, contentType, body: { spec: { holderIdentity } } });
  }

  /** Deletes the Lease. */
  remove(): Promise<void> {
    return this.#unlessGone({ method: 'DELETE', path: leasePath });
  }

  async #unlessGone(request: Parameters<KubeClient['json']>[0]): Promise<void> {
    await this.#client.json(request).catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error;
    });
  }
}

/**
 * Waits until there are a leader and a standby controller, and returns both. The effect of the last disturbance must be over: a leader that
 * got the Lease knows that, and the former one has ended. Otherwise the next disturbance could give it the Lease back unnoticed.
 */
export function pairOf({ controllers }: World, lease: LeaseTamper): Promise<Pair> {
  return eventually(
    'a leader and a standby controller',
    async () => {
      const holder = await lease.holder();
      const leader = controllers.running.find(({ identity, leads }) => leads && identity === holder);
      const standby = controllers.running.find(({ identity, leads }) => !leads && identity !== undefined);
      return leader && standby && { leader, standby };
    },
    { timeoutMs: 60_000, everyMs: 30 },
  );
}

/** On a busy machine the moment for a disturbance may not come. It is awaited at most this often. */
const mostTries = 4;
const momentMs = 20_000;
/**
 * The new leader has this time for its part. It is short, because a former leader that sleeps past its renewal deadline writes nothing
 * when it wakes.
 */
const asleepMs = 1_500;

/** Makes two controllers both believe that they lead, again and again, in several ways. */
export class Disturber {
  /** How often each disturbance was done. `missed` counts the moments that did not come. */
  readonly counts: Record<string, number> = { missed: 0 };
  /** Leaders that were woken after another controller had taken over. Their late writes are the purpose of all this. */
  readonly woken: { readonly process: string; readonly at: number }[] = [];
  readonly #world: World;
  readonly #lease: LeaseTamper;
  /** Services that move together. No other part of the test changes them. */
  readonly #flock: readonly Slot[];
  /** As many older Services, which have precedence when both request a free address. */
  readonly #rivals: readonly Slot[];

  constructor(world: World, flock: readonly Slot[], rivals: readonly Slot[]) {
    this.#world = world;
    this.#lease = new LeaseTamper(world.client);
    this.#flock = flock;
    this.#rivals = rivals;
  }

  /** Does each disturbance as often as the lists below name it, in random order, or throws. Afterwards all controllers are awake. */
  async run(): Promise<void> {
    const { random } = this.#world;
    const { usurp, erase, oversleep, strike, boomerang, latecomer } = this;
    const some = [usurp, erase, oversleep, strike, latecomer, latecomer, boomerang, boomerang];
    const more = [usurp, strike, latecomer, boomerang, boomerang, boomerang];
    const plan = random.shuffled(isAll ? [...some, ...more] : some);
    for (const way of plan) {
      await this.#do(way);
      await delay(random.between(0, 200));
    }
  }

  /** Does one disturbance. */
  async #do(way: (pair: Pair) => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < mostTries; tries++) {
      const isDone = await way.call(this, await pairOf(this.#world, this.#lease));
      const name = isDone ? way.name : 'missed';
      this.counts[name] = (this.counts[name] ?? 0) + 1;
      if (isDone) return;
    }
    throw new Error(`the moment for ${way.name} did not come in ${mostTries} tries`);
  }

  /** How many writes former leaders logged after they were woken. */
  lateWrites(): number {
    const writes = ['address allocated', 'address released'];
    return this.#world.controllers.lines.filter(({ process, time, msg }) =>
      this.woken.some((each) => each.process === process && Date.parse(time) >= each.at && writes.includes(msg)),
    ).length;
  }

  /** How often a leader noticed that another controller leads. Until then both believed that they lead. */
  lostLeads(): number {
    const { lines } = this.#world.controllers;
    return lines.filter(({ level, msg }) => level === 'error' && msg.startsWith('lost lease')).length;
  }

  /** Gives the Lease to the standby controller. The leader notices it at its next renewal. */
  async usurp({ standby }: Pair): Promise<boolean> {
    await this.#lease.give(standby.identity ?? '');
    return true;
  }

  /** Deletes the Lease, so that both controllers may take it. */
  async erase(): Promise<boolean> {
    await this.#lease.remove();
    return true;
  }

  /** The leader sleeps until its Lease has expired. */
  async oversleep({ leader }: Pair): Promise<boolean> {
    await this.#whileAsleep(leader, () => delay(this.#world.random.between(3_100, 3_900)));
    return true;
  }

  /** The leader falls asleep in the middle of its writes, and the standby controller gets the Lease at once. */
  async strike({ leader, standby }: Pair): Promise<boolean> {
    const { history, random } = this.#world;
    const kind = random.pick(['entry', 'service'] as const);
    const write = await history.next((fact) => fact.kind === kind, momentMs);
    if (write === undefined) return false;
    await this.#whileAsleep(leader, async () => {
      await this.usurp({ leader, standby });
      await delay(random.between(300, 1_000));
    });
    return true;
  }

  /**
   * Services move to other addresses. The leader falls asleep while it deletes their old entries: after it has read a Service, and before
   * the deletion. The Services request their old addresses again, and the new leader grants them, because the old entries still exist.
   * When the former leader wakes, its deletions must fail. Otherwise rivals that request these addresses would get them, too, when the
   * Services leave once more.
   */
  async boomerang(pair: Pair): Promise<boolean> {
    const [home, away] = this.#routes();
    if (!(await this.#settle(home))) return false;
    const moment = (fact: EntryFact) => fact.gone && home.includes(fact.address);
    const isDone = await this.#moveAsleep(pair, { away, moment }, async () => {
      await this.#flockTo(home);
      await within(asleepMs, () => this.#count(this.#flock, home) === home.length);
      await this.#rivalsTo(home);
    });
    await this.#flockTo(away);
    return isDone;
  }

  /**
   * Services move to other addresses. The leader falls asleep after it has created their new entries, and before it writes their statuses.
   * The Services request their old addresses again, the new leader deletes the new entries, and rivals get the new addresses.
   * When the former leader wakes, the API server must refuse its statuses.
   */
  async latecomer(pair: Pair): Promise<boolean> {
    const [home, away] = this.#routes();
    if (!(await this.#settle(home))) return false;
    const moment = (fact: EntryFact) => !fact.gone && away.includes(fact.address);
    return this.#moveAsleep(pair, { away, moment }, async () => {
      await this.#flockTo(home);
      await this.#rivalsTo(away);
      await within(asleepMs, () => this.#count(this.#rivals, away) === away.length);
    });
  }

  /** The addresses that the flock has, and the addresses that it moves to. */
  #routes(): readonly [readonly string[], readonly string[]] {
    return [this.#flock.map(({ own }) => own[0]), this.#flock.map(({ own }) => own[1])];
  }

  /** Sends every Service to an address of its own. False if they do not all get it in time. */
  async #settle(home: readonly string[]): Promise<boolean> {
    const { churn } = this.#world;
    await churn.all(this.#rivals, (slot) => churn.ask(slot, slot.own[0]));
    await this.#flockTo(home);
    return within(momentMs, () => this.#count(this.#flock, home) === home.length);
  }

  async #moveAsleep(
    { leader, standby }: Pair,
    { away, moment }: { readonly away: readonly string[]; readonly moment: (fact: EntryFact) => boolean },
    act: () => Promise<void>,
  ): Promise<boolean> {
    const { history } = this.#world;
    const come = history.next((fact) => fact.kind === 'entry' && moment(fact), momentMs);
    const going = this.#flockTo(away);
    if ((await come) === undefined) {
      await going;
      return false;
    }
    await this.#whileAsleep(leader, async () => {
      await this.usurp({ leader, standby });
      await going;
      await act();
    });
    return true;
  }

  #flockTo(addresses: readonly string[]): Promise<void> {
    return this.#send(this.#flock, addresses);
  }

  #rivalsTo(addresses: readonly string[]): Promise<void> {
    return this.#send(this.#rivals, addresses);
  }

  #send(slots: readonly Slot[], addresses: readonly string[]): Promise<void> {
    const { churn } = this.#world;
    return churn.all(slots, (slot) => churn.ask(slot, addresses[slots.indexOf(slot)]));
  }

  /** How many of the Services show the address that is meant for them. */
  #count(slots: readonly Slot[], addresses: readonly string[]): number {
    const { history } = this.#world;
    return slots.filter(({ key }, index) => history.shownBy(key).some((ip) => ip === addresses[index])).length;
  }

  async #whileAsleep(leader: ControllerProcess, act: () => Promise<void>): Promise<void> {
    leader.freeze();
    try {
      await act();
    } finally {
      this.woken.push({ process: leader.name, at: Date.now() });
      leader.wake();
    }
  }
}

/** Waits for something that may not happen, and returns whether it happened. */
function within(timeoutMs: number, condition: () => boolean): Promise<boolean> {
  return eventually('', condition, { timeoutMs, everyMs: 20 }).catch(() => false);
}
