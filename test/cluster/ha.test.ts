/** Two controllers, whatever becomes of them and of the Lease between them: no address is given twice, none is lost. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import { times } from '../lab/scope.ts';
import * as berth from './berth.ts';
import { Disturber, LeaseTamper, pairOf } from './disturb.ts';
import { prepare, restore } from './ha-setup.ts';
import { World } from './ha-world.ts';

/** Do Services share addresses? From the version on that knows `berth.dev/allow-shared-ip`. */
const sharingIsServed = true;

const lab = berth.sharedLab();
let program: string;

before(async () => {
  program = await prepare(lab);
});
after(() => restore(lab));

/** What a crowd of Services does. */
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
  // Creation times are in whole seconds: rivals shall be older.
  await delay(1_000);
  await churn.all(flock, (slot) => churn.create(slot));
  // All are created under attack, and then change until its end.
  const changing = churn.all(crowd, (slot) => churn.create(slot)).then(() => churn.run(crowd, operations, stop.signal));
  await both(
    disturber.run().finally(() => stop.abort()),
    changing,
  );
  await world.calm();
  const { entries } = await world.verify();
  const shared = entries.filter(({ uids }) => uids.length > 1);
  assert.equal(shared.length > 0, sharingIsServed);
  assert.ok(controllers.count('leading') > times(5, 8), 'the lead hardly ever changed');
  assert.ok(disturber.woken.length > 5, 'hardly any leader overslept');
  assert.ok(disturber.lostLeads() > 5, 'hardly ever did two of them believe that they lead');
});

test('controllers killed with SIGKILL again and again lose nothing, double nothing, renumber nothing', async (t) => {
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
  await eventually('addresses', addressed, { timeoutMs: 60_000 });
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

/** Says what was done, and ends everything, whatever became of the test. */
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

/** Waits for the end of both before it tells of a failure: nobody goes on while things are put away. */
async function both(...tasks: readonly [Promise<void>, Promise<void>]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Kills a controller at a moment that is worth it, and says what that moment was. */
async function killOne(world: World): Promise<string> {
  const { controllers, history, random } = world;
  const lease = new LeaseTamper(world.client);
  const way = random.pick(['starting', 'any', 'entry made', 'entry gone', 'status written'] as const);
  if (way === 'starting' || way === 'any') {
    // A bundle needs 200 ms to its first list.
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
  // Most of the time somebody does not wait for the Lease's end.
  if (random.next() < 0.8) await lease.give('');
  return write === undefined ? 'idle' : way;
}
