/** Writes that bring nothing about, whatever the API server answers: they are repeated at growing intervals, and harm no other object. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Wanted } from '../apiserver/faults.ts';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
/** In this time a write is repeated after 0.5 s, and not again: the next pause is 1 s. Without pauses it would be sent fifty times. */
const watchedMs = 1_200;
/** Three late writes are repeated at once. */
const mostWrites = 6;

/** Counts the requests of this kind while passes follow one another, as in a busy cluster. */
async function countIn(world: World, wanted: Wanted): Promise<number> {
  const before = world.server.requests(wanted).length;
  const from = performance.now();
  for (let i = 0; performance.now() - from < watchedMs; i++) {
    world.must('PATCH', `${paths.nodes}/n1`, { metadata: { labels: { i: `${i}` } } });
    await delay(20);
  }
  return world.server.requests(wanted).length - before;
}

/** The other Services of the world are served meanwhile. */
async function othersAreServed(world: World): Promise<void> {
  world.createService('other');
  await world.served('other');
}

/** Undoes the changes of an object, and asserts that they are not repeated without end. */
async function undone(t: TestContext, path: string, act: (world: World) => void): Promise<void> {
  await inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a', '198.51.100.1');
    const wanted = { method: 'PATCH', path };
    const undoing = world.server.fault(wanted, { kind: 'Undo' });
    act(world);
    await undoing.met;
    const count = await countIn(world, wanted);
    await othersAreServed(world);
    assert.ok(count <= mostWrites, `${count} writes in ${watchedMs} ms`);
  });
}

const entry = `${paths.allocations}/198.51.100.1`;
const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'by n1' };

test('a change of an entry that a webhook undoes is not repeated without end', (t) =>
  undone(t, entry, (world) => void world.patchService('a', { spec: { ports: [{ port: 81 }] } })));

test('a reservation that a webhook undoes is not repeated without end', async (t) => {
  await inWorld(t, async (world) => {
    world.createPool('kept', ['203.0.113.1'], { retainFor: '1h' });
    await world.startLeading();
    world.createService('a', { annotations: { 'berth.dev/address-pool': 'kept' } });
    await world.served('a', '203.0.113.1');
    const wanted = { method: 'PATCH', path: `${paths.allocations}/203.0.113.1` };
    const undoing = world.server.fault(wanted, { kind: 'Undo' });
    world.must('DELETE', `${paths.ofDefault}/a`);
    await undoing.met;
    const count = await countIn(world, wanted);
    await othersAreServed(world);
    assert.ok(count <= mostWrites, `${count} writes in ${watchedMs} ms`);
  });
});

test('the end of a move that a webhook undoes is not repeated without end', (t) =>
  undone(t, entry, (world) => {
    world.must('PATCH', entry, { metadata: { annotations: { 'berth.dev/move-to': 'n1' } } });
    world.tell('198.51.100.1', announced, { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z' });
  }));

test('a status of a Service that a webhook undoes is not repeated without end', (t) =>
  undone(t, `${paths.ofDefault}/a/status`, (world) => void world.tell('198.51.100.1', announced)));

test('a Service that another program changes without end costs few writes', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    // Each status is late: the Service has changed when it comes.
    const wanted = { method: 'PATCH', path: `${paths.ofDefault}/a/status` };
    world.server.fault(wanted, { kind: 'Refuse', status: 409, reason: 'Conflict' });
    const changing = setInterval(() => {
      world.patchService('a', { metadata: { annotations: { 'example.com/at': `${performance.now()}` } } });
    }, 5);
    t.after(() => clearInterval(changing));
    world.tell(address, announced);
    await eventually('a late status', () => world.server.requests(wanted).length > 1, soon);
    const count = await countIn(world, wanted);
    await othersAreServed(world);
    assert.ok(count <= mostWrites, `${count} writes in ${watchedMs} ms`);
  }));

test('an entry that another program changes without end costs few writes', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a', '198.51.100.1');
    const wanted = { method: 'PATCH', path: entry };
    world.server.fault(wanted, { kind: 'Refuse', status: 409, reason: 'Conflict' });
    const changing = setInterval(() => {
      world.must('PATCH', entry, { metadata: { annotations: { 'example.com/at': `${performance.now()}` } } });
    }, 5);
    t.after(() => clearInterval(changing));
    world.patchService('a', { spec: { ports: [{ port: 81 }] } });
    await eventually('a late write', () => world.server.requests(wanted).length > 1, soon);
    const count = await countIn(world, wanted);
    await othersAreServed(world);
    assert.ok(count <= mostWrites, `${count} writes in ${watchedMs} ms`);
  }));

test('an address that cannot be released yet costs few reads', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', { finalizers: ['example.com/kept'] });
    const address = await world.served('a');
    const path = `${paths.ofDefault}/a`;
    const refused = world.server.fault({ method: 'PATCH', path: `${path}/status` }, { kind: 'Refuse', status: 403 });
    world.must('DELETE', path);
    await refused.met;
    const count = await countIn(world, { method: 'GET', path });
    await othersAreServed(world);
    assert.deepEqual(world.shown('a'), [address]);
    assert.ok(count <= mostWrites, `${count} reads in ${watchedMs} ms`);
  }));
