/**
 * Writes that the API server refuses because their object has changed since it was read. The change may concern fields that Berth does
 * not read, so that no event of the watch makes the controller decide again.
 */
import { test } from 'node:test';
import type { Effect, Wanted } from '../apiserver/faults.ts';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths, type World } from './world.ts';

/** Much shorter than the pause until the next pass of a controller that nothing wakes, which is a minute. */
const soon = { timeoutMs: 10_000, everyMs: 10 };
/** The statuses of pools follow each change after at most a second, and they make a pass too. */
const quietMs = 1_500;

const service = `${paths.ofDefault}/a`;
const address = '198.51.100.1';
const entry = `${paths.allocations}/${address}`;
const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'by n1' };
const hold: Effect = { kind: 'Hold' };

/** Waits until the controller has had nothing to write for a while. */
function quiet({ server }: World): Promise<unknown> {
  const from = performance.now();
  const lastWrite = () => server.writes.at(-1)?.at ?? 0;
  return eventually('nothing is written', () => performance.now() - Math.max(from, lastWrite()) > quietMs, soon);
}

/**
 * Holds a request of the controller back, and changes an object meanwhile. The controller hears of the change only after the answer to
 * its request.
 */
async function changeBefore(world: World, wanted: Wanted, { path, of }: { path: string; of: string }): Promise<void> {
  const late = world.server.fault(wanted, hold, 1);
  await late.met;
  const release = world.server.holdEvents(of);
  world.must('PATCH', path, { metadata: { annotations: { 'example.com/unrelated': 'changed' } } });
  await late.heal();
  await quiet(world);
  release();
}

test('a status of a Service is written again although the change that made it stale cannot be seen', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a', address);
    await quiet(world);
    const changed = changeBefore(
      world,
      { method: 'PATCH', path: `${service}/status` },
      { path: service, of: paths.services },
    );
    world.tell(address, announced);
    await changed;
    await eventually('the condition is there', () => world.condition('a', 'Announced')?.status === 'True', soon);
  }));

test('an address is released although the Service changed, in a way that cannot be seen, while it was read', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a', address);
    await quiet(world);
    const changed = changeBefore(world, { method: 'GET', path: service }, { path: service, of: paths.services });
    world.request('a', '198.51.100.2');
    await changed;
    await eventually('the entry is gone', () => world.entry(address) === undefined, soon);
  }));

test('a request to move ends although the change that made its end stale cannot be seen', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a', address);
    world.must('PATCH', entry, { metadata: { annotations: { 'berth.dev/move-to': 'n1' } } });
    await quiet(world);
    const changed = changeBefore(world, { method: 'PATCH', path: entry }, { path: entry, of: paths.allocations });
    world.tell(address, announced, { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z' });
    await changed;
    const wish = () => world.entry(address)?.metadata.annotations?.['berth.dev/move-to'];
    await eventually('the request to move is gone', () => wish() === undefined, soon);
  }));
