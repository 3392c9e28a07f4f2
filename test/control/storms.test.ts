/**
 * Everything at once, at random: people who change their minds, two controllers between which the
 * lead moves back and forth, and an API server that refuses and delays requests, and loses answers
 * and watches. No address may be given twice at any moment, and in the end the state must be right.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Effect, Wanted } from '../apiserver/faults.ts';
import type { ApiObject } from '../apiserver/objects.ts';
import { eventually } from '../lab/poll.ts';
import { seed, wholeNumber } from '../runner/seed.ts';
import { shownBy, usersOf } from './judge.ts';
import { paths, World } from './world.ts';

const first = wholeNumber('BERTH_CONTROL_SEED', seed());
const runs = wholeNumber('BERTH_CONTROL_RUNS', 3);
const steps = 80;
const timing = { leaseDurationMs: 5_000, renewDeadlineMs: 4_000, retryPeriodMs: 20 };
/** Watches that break are opened again at growing intervals: only a few may break, or the end takes long. */
const mostBreaks = 3;

/** Random numbers that are the same for the same seed (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
const addresses = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4', '203.0.113.5', '203.0.113.6'] as const;
const effects: readonly Effect[] = [
  { kind: 'Refuse', status: 500 },
  { kind: 'Refuse', status: 429, retryAfter: 1 },
  { kind: 'Refuse', status: 503 },
  { kind: 'Drop' },
  { kind: 'LoseAnswer' },
  { kind: 'LoseAnswer' },
  { kind: 'Delay', ms: 15 },
  { kind: 'Delay', ms: 60 },
];
const wanted: readonly Wanted[] = [
  { method: 'POST', path: paths.allocations },
  { method: 'PATCH', path: /ipallocations\/[^/]+$/ },
  { method: 'DELETE' },
  { method: 'PATCH', path: /services/ },
  { method: 'GET', path: /services\// },
  { path: paths.lease },
];

/** One storm. */
class Storm {
  readonly #world: World;
  readonly #dice: Dice;
  #breaks = 0;
  #release: () => void = () => undefined;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#dice = new Dice(seed);
  }

  /** Makes one random thing happen. */
  async step(): Promise<void> {
    const dice = this.#dice;
    const what = dice.below(20);
    if (what < 10) this.#person();
    else if (what < 13) this.#world.server.fault(dice.of(wanted), dice.of(effects), 1 + dice.below(2));
    else if (what === 13) this.#stale();
    else if (what < 16) this.#events();
    else if (what === 16) this.#world.store.compact();
    else if (what === 17) await this.#lead();
    else await delay(dice.below(60));
    await delay(dice.below(8));
  }

  /** Makes the next reads of single objects return an older version, as from a cache that lags. */
  #stale(): void {
    const { server, store } = this.#world;
    const effect = { kind: 'Stale', backup: store.snapshot() } as const;
    server.fault(
      { method: 'GET', path: /(services|leases|ipallocations)\/./, watches: false },
      effect,
      1 + this.#dice.below(2),
    );
  }

  /** Ends all faults. */
  end(): void {
    this.#release();
    this.#world.server.heal();
  }

  /** Like the kubelet: a controller that has ended is replaced by the next one. */
  #running() {
    const { controllers } = this.#world;
    while (controllers.filter(({ isOver }) => !isOver).length < 2) this.#world.start(timing);
    return controllers.filter(({ isOver }) => !isOver);
  }

  async #lead(): Promise<void> {
    const others = this.#running().filter(({ leads }) => !leads);
    const next = others[this.#dice.below(others.length)];
    if (next) await this.#world.giveLead(next);
    this.#running();
  }

  #events(): void {
    const { server } = this.#world;
    this.#release();
    if (this.#dice.below(3) > 0 || this.#breaks >= mostBreaks) {
      this.#release = server.holdEvents(this.#dice.of([paths.services, paths.allocations]));
      return;
    }
    this.#breaks += 1;
    if (this.#dice.below(2) === 0) server.breakWatches();
    else server.endWatches();
  }

  #person(): void {
    const dice = this.#dice;
    const name = dice.of(names);
    const path = `${paths.ofDefault}/${name}`;
    const what = this.#world.ask('GET', path).status === 200 ? dice.below(4) : -1;
    if (what === -1) this.#create(name);
    else if (what === 0) this.#world.must('DELETE', path);
    else if (what === 1) this.#world.request(name, dice.of([...addresses, null]));
    else if (what === 2) this.#world.patchService(name, { spec: { type: dice.of(['ClusterIP', 'LoadBalancer']) } });
    else this.#world.patchService(name, { metadata: { labels: { touched: `${dice.below(9)}` } } });
  }

  #create(name: string): void {
    const dice = this.#dice;
    const address = dice.below(3) === 0 && { 'berth.dev/loadBalancerIPs': dice.of(addresses) };
    const key = dice.below(3) === 0 && { 'berth.dev/allow-shared-ip': 'k' };
    const ports = [{ port: 80 + dice.below(3) }];
    this.#world.createService(name, { annotations: { ...address, ...key }, spec: { ports } });
  }
}

/**
 * Asserts what must hold when the storm is over: each Service shows what the ledger gives it, or
 * has a condition about why not.
 */
function check({ store }: World): boolean {
  const services = store.all(paths.services);
  const entries = store.all(paths.allocations);
  for (const service of services) {
    const { type } = service.spec as { type: string };
    const shown = shownBy(service);
    const own = entries.filter((entry) => usersOf(entry).includes(service.metadata.uid)).map(addressOf);
    assert.deepEqual([...shown], own, `${service.metadata.name} shows its own addresses`);
    const allocated = conditionOf(service);
    const expected = type !== 'LoadBalancer' ? undefined : shown.length > 0 ? 'True' : 'False';
    assert.equal(allocated, expected, `Allocated of ${service.metadata.name}`);
    const asks = service.metadata.annotations?.['berth.dev/loadBalancerIPs'];
    // A Service with an address keeps it while the address that it asks for belongs to other Services.
    const isOfOthers = entries.some((entry) => addressOf(entry) === asks && !own.includes(addressOf(entry)));
    const hasAsked = asks === undefined || shown.length === 0 || shown.includes(asks) || isOfOthers;
    assert.ok(hasAsked, `${service.metadata.name} asks for ${asks} and shows ${shown}`);
    const waits = type === 'LoadBalancer' && shown.length === 0 && asks === undefined;
    assert.ok(
      !waits || entries.length === addresses.length,
      `${service.metadata.name} has no address, though some are free`,
    );
  }
  const living = new Set(services.map(({ metadata }) => metadata.uid));
  for (const entry of entries)
    assert.ok(
      usersOf(entry).every((uid) => living.has(uid)),
      `${addressOf(entry)} names deleted Services`,
    );
  return true;
}

const addressOf = ({ spec }: ApiObject) => (spec as { address: string }).address;

function conditionOf({ status }: ApiObject): string | undefined {
  const { conditions = [] } = status as { conditions?: readonly { type: string; status: string }[] };
  return conditions.find(({ type }) => type === 'berth.dev/Allocated')?.status;
}

async function weather(seed: number): Promise<void> {
  const world = await World.open();
  try {
    world.must('DELETE', `${paths.pools}/p`);
    world.createPool('small', [`${addresses[0]}-${addresses.at(-1)}`]);
    const storm = new Storm(world, seed);
    await world.startLeading(timing);
    world.start(timing);
    for (let i = 0; i < steps; i++) await storm.step();
    storm.end();
    await eventually('the state is right', () => check(world), { timeoutMs: 40_000, everyMs: 20 });
    world.judge.verify();
  } finally {
    await world.close();
  }
}

test('no address is given twice in a storm, and after it the state is right', async (t) => {
  const seeds = Array.from({ length: runs }, (_, i) => first + i);
  t.diagnostic(`seeds ${seeds.join(', ')} (BERTH_CONTROL_SEED, BERTH_CONTROL_RUNS)`);
  const results = await Promise.allSettled(seeds.map(weather));
  const failures = results.flatMap((result, i) =>
    result.status === 'rejected' ? [`seed ${seeds[i]}: ${(result.reason as Error).message}`] : [],
  );
  assert.deepEqual(failures, []);
});
