/** A cluster that was restored from a backup, and objects that were changed or deleted while the controller worked. */
import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { lists, Stage, watches } from './informing.ts';
import { inWorld, paths } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };

test('after a list the views equal the list, also when the cluster was restored from a backup', async (t) => {
  const stage = await Stage.open(t);
  for (const name of ['a', 'b']) stage.create(name);
  await stage.run();
  const backup = stage.server.store.snapshot();
  stage.create('c');
  stage.remove('b');
  stage.label('a', { later: 'yes' });
  await stage.agrees();
  const listed = stage.count(lists);
  stage.server.fault(watches, { kind: 'Refuse', status: 410, reason: 'Expired' }, 1);
  stage.server.store.restore(backup);
  await eventually('the informer lists again', () => stage.count(lists) > listed, soon);
  await stage.agrees(700).catch(() => assert.fail('the views are of before the restore'));
});

test('a watch does not go on from a version that a restored cluster does not have yet', async (t) => {
  const stage = await Stage.open(t);
  stage.create('a');
  await stage.run();
  const backup = stage.server.store.snapshot();
  for (let i = 0; i < 20; i++) stage.create(`later${i}`);
  await stage.agrees();
  stage.server.store.restore(backup);
  stage.server.breakWatches();
  stage.label('a', { restored: 'yes' });
  await stage.agrees();
});

test('when no API server was there, a watch does not go on: the cluster may have been restored', async (t) => {
  const stage = await Stage.open(t);
  stage.create('a');
  await stage.run();
  const backup = stage.server.store.snapshot();
  stage.create('lost');
  await stage.agrees();
  const { revision } = stage.server.store;
  const away = stage.server.fault({}, { kind: 'Refuse', status: 503 });
  stage.server.store.restore(backup);
  stage.server.breakWatches();
  await eventually('a refused request', () => away.count > 0, soon);
  // The cluster has passed the version of before the restore when the informer returns.
  stage.label('a', { restored: 'yes' });
  for (let i = 0; stage.server.store.revision <= revision + 5; i++) stage.create(`other${i}`);
  void away.heal();
  await stage.agrees();
});

test('a leader continues when the cluster was restored from a backup', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    const knows = (port: number) => JSON.stringify(world.entry(address)?.spec).includes(`${port}`);
    const backup = world.store.snapshot();
    world.patchService('a', { spec: { ports: [{ port: 8001 }] } });
    await eventually('the entry has the port', () => knows(8001), soon);
    const { revision } = world.store;
    world.store.restore(backup);
    // Other changes follow, past the last version before the restore.
    for (let i = 0; world.store.revision <= revision + 5; i++) {
      world.must('PATCH', `${paths.nodes}/n1`, { metadata: { labels: { i: `${i}` } } });
    }
    world.patchService('a', { spec: { ports: [{ port: 8002 }] } });
    const conflicts = () => controller.count('object changed since it was read');
    await eventually('the entry has the port, or writes conflict', () => knows(8002) || conflicts() > 5, soon);
    assert.ok(knows(8002), 'the entry cannot be written any more');
  }));

test('a status that was refused because the Service had changed is written again without a wait', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a');
    // The status of a pool is written at most once a second, and such a write would wake the controller, too.
    await eventually(
      'the status of the pool is written',
      () => JSON.stringify(world.must('GET', `${paths.pools}/p`)).includes('"used":"1"'),
      soon,
    );
    const told = world.server.requests({ path: `${paths.pools}/p/status` }).at(-1)?.at ?? 0;
    await eventually('this is over', () => performance.now() - told > 1_200, soon);
    const late = world.server.fault({ method: 'PATCH', path: `${paths.ofDefault}/a/status` }, { kind: 'Hold' }, 1);
    world.must('PUT', `${paths.ofDefault}/a/status`, { ...world.service('a'), status: {} });
    await late.met;
    // An annotation of another program: no address depends on it.
    world.patchService('a', { metadata: { annotations: { 'example.com/seen': 'yes' } } });
    assert.equal(await late.heal(), 409);
    const shows = () => world.shown('a').length > 0;
    await eventually('the Service shows its address', shows, { timeoutMs: 1_000, everyMs: 10 }).catch(() => undefined);
    assert.ok(shows(), 'the Service waits for the next periodic pass');
  }));

test("the speakers' key is made again when it was deleted", async (t) => {
  const time = runFast(t);
  await inWorld(t, async (world) => {
    await world.startLeading({ leaseDurationMs: 60_000, renewDeadlineMs: 50_000, retryPeriodMs: 5_000 });
    const path = `${paths.secrets}/berth-liveness`;
    const isThere = () => world.ask('GET', path).status === 200;
    await eventually('the key is made', isThere, soon);
    world.must('DELETE', path);
    await world.pass();
    // It is created again within ten minutes.
    const from = time.ms;
    const isOver = () => isThere() || time.ms - from > 660_000;
    await eventually('the key is there, or eleven minutes are over', isOver, { timeoutMs: 30_000, everyMs: 500 });
    assert.ok(isThere(), 'the key is not made again');
  });
});

/** Makes timers run much faster than the clock until the test is over: 100 ms in each iteration of the event loop. */
function runFast(t: TestContext): { ms: number } {
  const time = { ms: 0 };
  t.mock.timers.enable({ apis: ['setTimeout'] });
  syncBuiltinESMExports();
  let isOver = false;
  const tick = () => {
    if (isOver) return;
    t.mock.timers.tick(100);
    time.ms += 100;
    setImmediate(tick);
  };
  setImmediate(tick);
  t.after(() => {
    isOver = true;
    t.mock.timers.reset();
    syncBuiltinESMExports();
  });
  return time;
}
