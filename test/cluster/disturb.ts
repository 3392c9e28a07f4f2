/** What may come between two controllers and their Lease: somebody writes it, deletes it, or a leader sleeps through it. */
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

/** Who leads, by the Lease, and who waits. */
export interface Pair {
  readonly leader: ControllerProcess;
  readonly standby: ControllerProcess;
}

const leasePath = `${leasesPath(namespace)}/berth-controller`;

/** The Lease, in the hands of somebody who should leave it alone. */
export class LeaseTamper {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Whom it names. */
  async holder(): Promise<string> {
    const lease = await this.#client.json<{ spec?: { holderIdentity?: string } }>({ path: leasePath });
    return lease.spec?.holderIdentity ?? '';
  }

  /** Names another holder, or nobody. */
  async give(holderIdentity: string): Promise<void> {
    const contentType = 'application/merge-patch+json';
    await this.#unlessGone({ method: 'PATCH', path: leasePath, contentType, body: { spec: { holderIdentity } } });
  }

  /** Deletes it. */
  remove(): Promise<void> {
    return this.#unlessGone({ method: 'DELETE', path: leasePath });
  }

  async #unlessGone(request: Parameters<KubeClient['json']>[0]): Promise<void> {
    await this.#client.json(request).catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error;
    });
  }
}

/** Who leads and who waits, once there are both. */
export function pairOf({ controllers }: World, lease: LeaseTamper): Promise<Pair> {
  return eventually(
    'a leader and another one',
    async () => {
      const holder = await lease.holder();
      const leader = controllers.running.find(({ identity }) => identity === holder);
      const standby = controllers.running.find(({ identity }) => identity !== undefined && identity !== holder);
      return leader && standby && { leader, standby };
    },
    { timeoutMs: 60_000, everyMs: 30 },
  );
}

/** Where the moment of a way does not come, as on a machine that has other work to do, it is waited for again. */
const mostTries = 4;
const momentMs = 20_000;
/** The other leader has so long for its part: one that sleeps past its deadline for renewal writes nothing when it wakes. */
const asleepMs = 1_500;

/** Ways to get two controllers that both believe that they lead, over and over. */
export class Disturber {
  /** What was done, how often; and under `missed` how often the moment for it did not come. */
  readonly counts: Record<string, number> = { missed: 0 };
  /** Leaders that were woken after another one had taken over: what they still wrote then is what this is about. */
  readonly woken: { readonly process: string; readonly at: number }[] = [];
  readonly #world: World;
  readonly #lease: LeaseTamper;
  /** Services that move together; nobody else touches them. */
  readonly #flock: readonly Slot[];
  /** As many older ones, which have precedence when both ask for a free address. */
  readonly #rivals: readonly Slot[];

  constructor(world: World, flock: readonly Slot[], rivals: readonly Slot[]) {
    this.#world = world;
    this.#lease = new LeaseTamper(world.client);
    this.#flock = flock;
    this.#rivals = rivals;
  }

  /** Does each of its ways as often as it is written here, in random order, or throws; all controllers are awake afterwards. */
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

  /** Does one of them. */
  async #do(way: (pair: Pair) => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < mostTries; tries++) {
      const isDone = await way.call(this, await pairOf(this.#world, this.#lease));
      const name = isDone ? way.name : 'missed';
      this.counts[name] = (this.counts[name] ?? 0) + 1;
      if (isDone) return;
    }
    throw new Error(`the moment for ${way.name} did not come in ${mostTries} tries`);
  }

  /** Log lines of writes that a leader made after it was woken and was none any more. */
  lateWrites(): number {
    const writes = ['address allocated', 'address released'];
    return this.#world.controllers.lines.filter(({ process, time, msg }) =>
      this.woken.some((each) => each.process === process && Date.parse(time) >= each.at && writes.includes(msg)),
    ).length;
  }

  /** How often a leader found out that another one led. Until then both believed that they did. */
  lostLeads(): number {
    const { lines } = this.#world.controllers;
    return lines.filter(({ level, msg }) => level === 'error' && msg.startsWith('lost lease')).length;
  }

  /** The other one leads at once; the leader learns of it when it renews. */
  async usurp({ standby }: Pair): Promise<boolean> {
    await this.#lease.give(standby.identity ?? '');
    return true;
  }

  /** Both may take it. */
  async erase(): Promise<boolean> {
    await this.#lease.remove();
    return true;
  }

  /** The leader sleeps for longer than the Lease's time. */
  async oversleep({ leader }: Pair): Promise<boolean> {
    await this.#whileAsleep(leader, () => delay(this.#world.random.between(3_100, 3_900)));
    return true;
  }

  /** The leader falls asleep in the middle of its writes, and the other one leads at once. */
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
   * Services move away, and the leader falls asleep while it deletes the entries that they left: after it has looked at a Service, and
   * before the deletion. The Services want to go back, and the other leader lets them, as their old entries are still there. The
   * deletions of him who wakes then must fail, or rivals that want the addresses get them, too, when the Services leave once more.
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
   * Services move away, and the leader falls asleep after it has created their new entries, and before it writes their statuses. They want
   * to stay after all, the other leader deletes the new entries, and rivals get the addresses. The statuses that he who wakes writes then
   * must be refused.
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

  /** Where the flock is, and where it is sent to. */
  #routes(): readonly [readonly string[], readonly string[]] {
    return [this.#flock.map(({ own }) => own[0]), this.#flock.map(({ own }) => own[1])];
  }

  /** Every Service to an address of its own. False if they do not get there. */
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

  /** How many of the Services show their address of these. */
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

/** Waits for something that need not happen, and tells whether it did. */
function within(timeoutMs: number, condition: () => boolean): Promise<boolean> {
  return eventually('', condition, { timeoutMs, everyMs: 20 }).catch(() => false);
}
