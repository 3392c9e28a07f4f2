/** The informer's views equal the objects of the API server, whatever happens to its lists and watches. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import { lists, path, type RawNode, Stage, watches } from './informing.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };

// These tests mostly wait, so they run at the same time.
suite('an informer', { concurrency: true }, () => {
  test('a list of many pages is read as a whole, and later changes come by the watch', async (t) => {
    const stage = await Stage.open(t);
    for (let i = 0; i < 1_100; i++) stage.create(`n${i}`);
    const second = stage.server.fault({ ...lists }, { kind: 'Hold' }, 1);
    stage.start();
    await second.met;
    assert.equal(stage.informer.synced, false);
    await second.heal();
    await stage.agrees();
    assert.equal(stage.count({ watches: false }), 3);
    stage.create('later');
    stage.label('n1', { a: 'b' });
    stage.remove('n2');
    await stage.agrees();
    assert.equal(stage.count({ watches: false }), 3);
  });

  test('a list begins again when a page comes too late to be of the same version as the first one', async (t) => {
    const stage = await Stage.open(t);
    for (let i = 0; i < 600; i++) stage.create(`n${i}`);
    const first = stage.server.fault(lists, { kind: 'HoldAnswer' }, 1);
    stage.start();
    await first.met;
    stage.create('meanwhile');
    stage.server.store.compact();
    await first.heal();
    await stage.agrees();
  });

  test('an informer lists again when its version is too old to watch from', async (t) => {
    const stage = await Stage.open(t);
    stage.create('a');
    stage.create('b');
    await stage.run();
    await stage.agrees();
    // All of this happens while the informer gets no answers.
    const away = stage.server.fault({}, { kind: 'Refuse', status: 500 });
    stage.server.breakWatches();
    stage.remove('a');
    stage.create('c');
    stage.server.store.compact();
    void away.heal();
    await stage.agrees();
    assert.equal(stage.count({ watches: false }), 2);
  });

  test('a watch that breaks off continues where it was, without another list', async (t) => {
    const stage = await Stage.open(t);
    await stage.run();
    stage.create('a');
    await stage.agrees();
    const break_ = stage.server.fault(watches, { kind: 'Hold' }, 1);
    stage.server.breakWatches();
    await break_.met;
    stage.create('b');
    stage.remove('a');
    await break_.heal();
    await stage.agrees();
    stage.server.endWatches();
    stage.create('c');
    await stage.agrees();
    assert.equal(stage.count({ watches: false }), 1);
  });

  test('a watch of objects that do not change stays open', async (t) => {
    const stage = await Stage.open(t, { silenceMs: 300 });
    stage.create('a');
    await stage.run();
    const watched = stage.count(watches);
    await delay(1_000);
    assert.equal(stage.count(watches), watched);
    assert.equal(stage.unreachable, 0);
    stage.create('b');
    await stage.agrees();
  });

  test('a lost watch is noticed by its silence, counted from its last event', async (t) => {
    const stage = await Stage.open(t, { silenceMs: 1_000 });
    await stage.run();
    const from = performance.now();
    // For longer than the silence that is allowed, but never silent for that long.
    while (performance.now() - from < 1_500) {
      const name = `n${performance.now()}`;
      stage.create(name);
      await eventually('an event', () => stage.informer.store.values().some((view) => view.name === name), soon);
      stage.server.store.bookmark();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(stage.count({ watches: true }), 1, 'a watch with events is kept');
    assert.equal(stage.server.silence(), 1);
    stage.create('unheard');
    await stage.agrees();
    assert.equal(stage.count({ watches: true }), 2);
  });

  test('a bookmark counts as an event, and the next watch begins at the last event', async (t) => {
    const stage = await Stage.open(t);
    await stage.run();
    // Changes of another kind of object: only a bookmark reports the new version.
    for (let i = 0; i < 5; i++)
      stage.server.store.request({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: `x${i}` } } });
    stage.server.store.bookmark();
    const version = String(stage.server.store.revision);
    stage.server.endWatches();
    await eventually('another watch', () => stage.count({ watches: true }) > 1, soon);
    assert.equal(stage.server.requests(watches).at(-1)?.query.resourceVersion, version);
  });

  test('requests that the API server refuses, drops or fails are repeated until they succeed', async (t) => {
    const stage = await Stage.open(t);
    const faults = [
      stage.server.fault(lists, { kind: 'Refuse', status: 429, retryAfter: 1 }, 1),
      stage.server.fault(lists, { kind: 'Drop' }, 1),
      stage.server.fault(watches, { kind: 'Refuse', status: 500 }, 1),
    ];
    stage.create('a');
    stage.start();
    await eventually('all faults have occurred', () => faults.every(({ count }) => count > 0), soon);
    stage.create('b');
    await stage.agrees();
    assert.equal(stage.unreachable, 1, 'only a request without any answer counts as unreachable');
    assert.equal(stage.informer.failures, 3);
  });

  test('an object that cannot be parsed affects no other object', async (t) => {
    const stage = await Stage.open(t);
    stage.create('a', { bad: 'yes' });
    stage.create('b');
    await stage.run();
    stage.label('b', { bad: 'yes' });
    stage.create('c');
    const names = () => stage.informer.store.values().map(({ name }) => name);
    await eventually('the other objects are known', () => names().includes('c'), soon);
    assert.deepEqual(names(), ['c']);
    stage.label('a', { bad: 'no' });
    assert.equal(stage.lines.filter(({ msg }) => msg === 'object cannot be parsed').length, 2);
  });

  test('an object that a write returned is known at once, and late watch events do not undo it', async (t) => {
    const stage = await Stage.open(t);
    stage.create('a');
    await stage.run();
    const release = stage.server.holdEvents();
    stage.label('a', { step: '1' });
    stage.label('a', { step: '2' });
    const raw = stage.server.store.request({ path: `${path}/a` }).body as RawNode;
    stage.informer.assume(raw);
    const labels = () => stage.informer.store.values().map((view) => view.labels);
    assert.deepEqual(labels(), ['{"step":"2"}']);
    release();
    stage.create('b');
    await eventually('all events have come', () => labels().length === 2, soon);
    assert.equal(labels()[0], '{"step":"2"}');
  });

  test('an object that was written while a list was under way stays after that list', async (t) => {
    const stage = await Stage.open(t);
    for (const name of ['a', 'b']) stage.create(name);
    await stage.run();
    await stage.agrees();
    const list = stage.server.fault(lists, { kind: 'HoldAnswer' }, 1);
    stage.server.fault(watches, { kind: 'Refuse', status: 410, reason: 'Expired' }, 1);
    stage.server.breakWatches();
    await list.met;
    // The controller's own write, which the list does not contain yet.
    stage.create('c');
    stage.informer.assume(stage.server.store.request({ path: `${path}/c` }).body as RawNode);
    const watching = stage.server.fault(watches, { kind: 'Hold' }, 1);
    await list.heal();
    await watching.met;
    const names = stage.informer.store.values().map(({ name }) => name);
    await watching.heal();
    await stage.agrees();
    assert.deepEqual(names.sort(), ['a', 'b', 'c'], 'the new object is known before the watch reports it');
  });

  test('an informer whose list hangs reports that it makes no progress, until it continues', async (t) => {
    const stage = await Stage.open(t, { stuckMs: 150 });
    const hung = stage.server.fault(lists, { kind: 'Hold' }, 1);
    stage.start();
    await hung.met;
    await eventually('the informer reports it', () => stage.informer.fault(), soon);
    assert.match(stage.informer.fault() ?? '', /^\/api\/v1\/nodes made no progress/);
    await hung.heal();
    const goesOn = () => {
      stage.create(`n${performance.now()}`);
      return stage.informer.synced && stage.informer.fault() === undefined;
    };
    await eventually('the informer continues', goesOn, soon);
  });
});

// This test measures time, so no other test may run beside it.
test('watches that end at once are opened at growing intervals', async (t) => {
  const stage = await Stage.open(t);
  const ended = stage.server.fault(watches, { kind: 'EndWatch' });
  stage.start();
  await eventually('some watches have ended', () => ended.count >= 4, soon);
  // Pauses of 200, 400 and 800 ms, each at least half that long.
  const [first, , , fourth] = stage.server.requests(watches).map(({ at }) => at);
  const tookMs = (fourth ?? 0) - (first ?? 0);
  assert.ok(tookMs >= 690, `four watches in ${tookMs} ms`);
  void ended.heal();
  stage.create('a');
  await stage.agrees();
  assert.equal(stage.count({ watches: false }), 1);
});
