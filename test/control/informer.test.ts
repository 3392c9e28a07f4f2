/** The informer's views are what the API server has, whatever becomes of its lists and watches. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { lists, path, type RawNode, Stage, watches } from './informing.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };

// They wait more than they work.
suite('an informer', { concurrency: true }, () => {
  test('a list of many pages is taken in as a whole, and what comes after it by the watch', async (t) => {
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

  test('a page that comes too late to be of one version with the first begins the list from the start', async (t) => {
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

  test('what is too old to be watched from is listed again', async (t) => {
    const stage = await Stage.open(t);
    stage.create('a');
    stage.create('b');
    await stage.run();
    await stage.agrees();
    // All of it happens while nothing is heard.
    const away = stage.server.fault({}, { kind: 'Refuse', status: 503 });
    stage.server.breakWatches();
    stage.remove('a');
    stage.create('c');
    stage.server.store.compact();
    void away.heal();
    await stage.agrees();
    assert.equal(stage.count({ watches: false }), 2);
  });

  test('a watch that breaks off goes on where it was, without another list', async (t) => {
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

  test('a watch that was lost without a word is noticed by its silence, counted from the last word', async (t) => {
    const stage = await Stage.open(t, { silenceMs: 1_000 });
    await stage.run();
    const from = performance.now();
    // Longer than the silence that it bears, and never silent for so long.
    while (performance.now() - from < 1_500) {
      const name = `n${performance.now()}`;
      stage.create(name);
      await eventually('heard', () => stage.informer.store.values().some((view) => view.name === name), soon);
      stage.server.store.bookmark();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(stage.count({ watches: true }), 1, 'a watch that speaks is kept');
    assert.equal(stage.server.silence(), 1);
    stage.create('unheard');
    await stage.agrees();
    assert.equal(stage.count({ watches: true }), 2);
  });

  test('bookmarks are a word too, and what was heard last is where the next watch begins', async (t) => {
    const stage = await Stage.open(t);
    await stage.run();
    // Changes of another kind, which only a bookmark tells of.
    for (let i = 0; i < 5; i++)
      stage.server.store.request({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: `x${i}` } } });
    stage.server.store.bookmark();
    const version = String(stage.server.store.revision);
    stage.server.endWatches();
    await eventually('another watch', () => stage.count({ watches: true }) > 1, soon);
    assert.equal(stage.server.requests(watches).at(-1)?.query.resourceVersion, version);
  });

  test('an API server that refuses, drops or is out of order is asked again until it answers', async (t) => {
    const stage = await Stage.open(t);
    const faults = [
      stage.server.fault(lists, { kind: 'Refuse', status: 429, retryAfter: 1 }, 1),
      stage.server.fault(lists, { kind: 'Drop' }, 1),
      stage.server.fault(watches, { kind: 'Refuse', status: 500 }, 1),
    ];
    stage.create('a');
    stage.start();
    await eventually('all were met', () => faults.every(({ count }) => count > 0), soon);
    stage.create('b');
    await stage.agrees();
    assert.equal(stage.unreachable, 1, 'only what did not answer at all is unreachable');
    assert.equal(stage.informer.failures, 3);
  });

  test('an object that is not understood costs itself only', async (t) => {
    const stage = await Stage.open(t);
    stage.create('a', { bad: 'yes' });
    stage.create('b');
    await stage.run();
    stage.label('b', { bad: 'yes' });
    stage.create('c');
    const names = () => stage.informer.store.values().map(({ name }) => name);
    await eventually('the others are known', () => names().includes('c'), soon);
    assert.deepEqual(names(), ['c']);
    stage.label('a', { bad: 'no' });
    assert.equal(stage.lines.filter(({ msg }) => msg === 'object cannot be parsed').length, 2);
  });

  test('what a write returned is known at once, and what the watch tells late does not undo it', async (t) => {
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

  test('what was written while a list was under way outlives that list', async (t) => {
    const stage = await Stage.open(t);
    for (const name of ['a', 'b']) stage.create(name);
    await stage.run();
    await stage.agrees();
    const list = stage.server.fault(lists, { kind: 'HoldAnswer' }, 1);
    stage.server.fault(watches, { kind: 'Refuse', status: 410, reason: 'Expired' }, 1);
    stage.server.breakWatches();
    await list.met;
    // The controller's own write, of which the list does not know yet.
    stage.create('c');
    stage.informer.assume(stage.server.store.request({ path: `${path}/c` }).body as RawNode);
    const watching = stage.server.fault(watches, { kind: 'Hold' }, 1);
    await list.heal();
    await watching.met;
    const names = stage.informer.store.values().map(({ name }) => name);
    await watching.heal();
    await stage.agrees();
    assert.deepEqual(names.sort(), ['a', 'b', 'c'], 'what was made is known before the watch tells of it');
  });

  test('an informer whose list hangs says that it stands still, until it goes on', async (t) => {
    const stage = await Stage.open(t, { stuckMs: 150 });
    const hung = stage.server.fault(lists, { kind: 'Hold' }, 1);
    stage.start();
    await hung.met;
    await eventually('it says so', () => stage.informer.fault(), soon);
    assert.match(stage.informer.fault() ?? '', /^\/api\/v1\/nodes made no progress/);
    await hung.heal();
    const goesOn = () => {
      stage.create(`n${performance.now()}`);
      return stage.informer.synced && stage.informer.fault() === undefined;
    };
    await eventually('it goes on', goesOn, soon);
  });
});

// It measures time, so nothing else may run beside it.
test('watches that end as soon as they begin are asked for ever more rarely', async (t) => {
  const stage = await Stage.open(t);
  const ended = stage.server.fault(watches, { kind: 'EndWatch' });
  stage.start();
  await eventually('some have ended', () => ended.count >= 4, soon);
  // Pauses of 200, 400 and 800 ms, each of them half as long at least.
  const [first, , , fourth] = stage.server.requests(watches).map(({ at }) => at);
  const tookMs = (fourth ?? 0) - (first ?? 0);
  assert.ok(tookMs >= 690, `four watches in ${tookMs} ms`);
  void ended.heal();
  stage.create('a');
  await stage.agrees();
  assert.equal(stage.count({ watches: false }), 1);
});
