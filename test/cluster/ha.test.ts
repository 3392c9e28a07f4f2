/** Two controllers with faults of their processes and of their Lease: no address is given twice, and none is lost. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import { times } from '../lab/scope.ts';
import * as berth from './berth.ts';
import { Disturber, LeaseTamper, pairOf } from './disturb.ts';
import { prepare, restore } from './ha-setup.ts';
import { World } from './ha-world.ts';

/** Whether Services share addresses: in every version that knows `berth.dev/allow-shared-ip`. */
const sharingIsServed = true;

const lab = berth.sharedLab();
let program: string;

before(async () => {
  program = await prepare(lab);
});
after(() => restore(lab));

/** The operations on the Services. */
const operations = ['create', 'remove', 'recreate', 'recreate', 'askOwn', 'askLow', 'askNothing', 'flipType'] as const;

test('two controllers that both believe they lead never give an address twice', async (t) => {
  const timing = { leaseDuration: '3s', renewDeadline: '2500ms', retryPeriod: '400ms' };
  const sharing = sharingIsServed ? times(80, 200) : 0;
  const world = await World.begin({ lab, program, timing, size: times(240, 1_000), sharing });
  const { churn, controllers } = world;
  const stop = new AbortController();
  const [rivals, flock, crowd] = [churn.slots.slice(0, 48), churn.slots.slice(48, 96), churn.slots.slice(96)];
  const disturber = new Disturber(world, flock, rivals);
  endAfter(t, world, () => ({
    ...disturber.counts,
    'late writes': disturber.lateWrites(),
    'lost leads': disturber.lostLeads(),
  }));

  await churn.all(rivals, (slot) => churn.create(slot));
  // Creation times are in whole seconds, and rivals must be older.
  await delay(1_000);
  await churn.all(flock, (slot) => churn.create(slot));
  // All are created during the disturbances, and then change until these end.
  const changing = churn.all(crowd, (slot) => churn.create(slot)).then(() => churn.run(crowd, operations, stop.signal));
  await both(
    disturber.run().finally(() => stop.abort()),
    changing,
  );
  await world.calm();
  const { entries } = await world.verify();
  const shared = entries.filter(({ uids }) => uids.length > 1);
  assert.equal(shared.length > 0, sharingIsServed);
  assert.ok(controllers.count('leading') > times(5, 8), 'the lead changed too rarely');
  assert.ok(disturber.woken.length > 5, 'too few leaders were woken');
  assert.ok(disturber.lostLeads() > 5, 'two controllers too rarely believed that they lead');
});

test('controllers that are killed again and again lose no address, give none twice and renumber no Service', async (t) => {
  const timing = { leaseDuration: '3s', renewDeadline: '2500ms', retryPeriod: '150ms' };
  const size = times(150, 300);
  const world = await World.begin({ lab, program, timing, size, sharing: sharingIsServed ? size / 5 : 0 });
  const { churn, history } = world;
  const stop = new AbortController();
  const [staying, moving] = [churn.slots.filter((_, i) => i % 2 === 0), churn.slots.filter((_, i) => i % 2 === 1)];
  const kills: Record<string, number> = {};
  endAfter(t, world, () => kills);

  await churn.all(churn.slots, (slot) => churn.create(slot));
  const addresses = () => staying.map(({ key }) => `${key} ${history.shownBy(key)}`);
  const addressed = () => staying.every(({ key }) => history.shownBy(key).length === 1);
  await eventually('an address for every Service', addressed, { timeoutMs: 60_000 });
  const before = addresses();
  const killing = async () => {
    for (let count = 0; count < times(15, 50); count++) {
      const way = await killOne(world);
      kills[way] = (kills[way] ?? 0) + 1;
    }
  };
  await both(
    killing().finally(() => stop.abort()),
    churn.run(moving, ['create', 'remove', 'recreate', 'recreate'], stop.signal),
  );
  const { idle = 0, ...busy } = kills;
  const hit = Object.values(busy).reduce((sum, count) => sum + count, 0);
  assert.ok(idle < hit / 2, `${idle} controllers were killed while they did nothing, and ${hit} at work`);
  await world.calm();
  await world.verify();
  world.verifyNothingRenumbered();
  assert.deepEqual(addresses(), before);
});

/** Reports what was done, and ends everything, also after a failure. */
function endAfter(t: TestContext, world: World, counts: () => Readonly<Record<string, number>>): void {
  const { churn, controllers, history, random } = world;
  t.diagnostic(`seed ${random.seed}`);
  t.after(async () => {
    const facts = { ...churn.counts, ...counts(), leads: controllers.count('leading'), facts: history.facts.length };
    t.diagnostic(
      Object.entries(facts)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
    );
    await world.end();
  });
}

/** Waits for the end of both tasks before it throws a failure, so that no task runs during the cleanup. */
async function both(...tasks: readonly [Promise<void>, Promise<void>]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Kills a controller at a critical moment, and returns which moment it was. */
async function killOne(world: World): Promise<string> {
  const { controllers, history, random } = world;
  const lease = new LeaseTamper(world.client);
  const way = random.pick(['starting', 'any', 'entry made', 'entry gone', 'status written'] as const);
  if (way === 'starting' || way === 'any') {
    // A controller needs 200 ms until its first list.
    await delay(random.between(0, way === 'any' ? 500 : 300));
    const [youngest] = controllers.running.toSorted((a, b) => b.startedAt - a.startedAt);
    const victim = way === 'any' ? random.pick(controllers.running) : youngest;
    victim?.kill();
    return way;
  }
  const { leader } = await pairOf(world, lease);
  const wanted = way === 'status written' ? 'service' : 'entry';
  const write = await history.next(
    (fact) =>
      fact.kind === wanted && (fact.kind === 'service' ? fact.ips.length > 0 : fact.gone === (way === 'entry gone')),
    1_500,
  );
  await delay(random.between(0, 8));
  leader.kill();
  // Most of the time the Lease is released, so that no controller waits until it expires.
  if (random.next() < 0.8) await lease.give('');
  return write === undefined ? 'idle' : way;
}
