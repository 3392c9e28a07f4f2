/** Answers that are refusals, that come late or not at all: what was to be done is done, once, and nothing else waits for it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Effect, Wanted } from '../apiserver/faults.ts';
import { eventually } from '../lab/poll.ts';
import { usersOf } from './judge.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 20_000, everyMs: 10 };
const [home, away] = ['198.51.100.11', '198.51.100.12'] as const;
const asking = (address: string) => ({ annotations: { 'berth.dev/loadBalancerIPs': address } });
const entry = (address: string) => `${paths.allocations}/${address}`;
const statusOf = (name: string) => `${paths.ofDefault}/${name}/status`;

/** A life of one Service, in which every kind of write occurs: made, shown, moved, shared, released. */
async function live(world: World, name = 'a'): Promise<void> {
  const key = { 'berth.dev/allow-shared-ip': 'k' };
  const { uid } = world.createService(name, { annotations: { ...asking(home).annotations, ...key } }).metadata;
  await world.served(name, home);
  const other = world.createService('sharer', { annotations: key, spec: { ports: [{ port: 81 }] } }).metadata;
  await world.served('sharer', home);
  assert.deepEqual(usersOf(world.entry(home)), [uid, other.uid]);
  world.request(name, away);
  await world.served(name, away);
  await eventually('it is struck', () => usersOf(world.entry(home)).join() === other.uid, soon);
  world.must('DELETE', `${paths.ofDefault}/${name}`);
  await eventually('its entry is gone', () => world.entry(away) === undefined, soon);
  world.must('DELETE', `${paths.ofDefault}/sharer`);
  await eventually('all entries are gone', () => world.store.all(paths.allocations).length === 0, soon);
}

const writes: Readonly<Record<string, Wanted>> = {
  'creations of entries': { method: 'POST', path: paths.allocations },
  'updates of entries': { method: 'PUT', path: entry(home) },
  'deletions of entries': { method: 'DELETE', path: entry(away) },
  'writes of statuses': { method: 'PATCH', path: statusOf('a') },
  'looks at Services': { method: 'GET', path: `${paths.ofDefault}/a` },
};

const effects: Readonly<Record<string, Effect>> = {
  'are refused with 500': { kind: 'Refuse', status: 500 },
  'are refused with 429': { kind: 'Refuse', status: 429, retryAfter: 1 },
  'lose their answer': { kind: 'LoseAnswer' },
  'lose their connection': { kind: 'Drop' },
  'take their time': { kind: 'Delay', ms: 60 },
};

// They wait more than they work.
suite('what must be done is done', { concurrency: true }, () => {
  for (const [how, effect] of Object.entries(effects)) {
    test(`where first requests ${how}`, (t) =>
      inWorld(t, async (world) => {
        await world.startLeading();
        const faults = Object.entries(writes).map(
          ([what, wanted]) => [what, world.server.fault(wanted, effect, 1)] as const,
        );
        await live(world);
        const unmet = faults.filter(([, { count }]) => count === 0).map(([what]) => what);
        assert.deepEqual(unmet, [], 'every fault was met');
      }));
  }
});

test('a write that is always refused slows down no other object, and is tried ever more rarely', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    const bad = world.server.fault({ method: 'PATCH', path: statusOf('bad') }, { kind: 'Refuse', status: 422 });
    world.createService('bad');
    await bad.met;
    const from = performance.now();
    for (let i = 0; i < 5; i++) await world.pass();
    const tookMs = performance.now() - from;
    // After 500 ms, 1 s, 2 s and so on.
    const most = 2 + Math.log2(1 + tookMs / 500);
    assert.ok(bad.count <= most, `${bad.count} attempts in ${tookMs} ms`);
    assert.ok(
      controller.lines.some(({ level, msg, object }) => level === 'warn' && msg === 'write failed' && object === 'bad'),
    );
    void bad.heal();
    await world.served('bad');
  }));

test('a condition that another manager owns is a failure that is seen, and it is written when that one lets go', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    const apply = (conditions: readonly object[]) =>
      world.store.request({
        ...{ method: 'PATCH', path: statusOf('a'), contentType: 'application/apply-patch+yaml' },
        query: { fieldManager: 'other' },
        body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, status: { conditions } },
      });
    world.createService('a');
    const theirs = { type: 'berth.dev/Allocated', status: 'False', reason: 'Theirs', message: 'not yours' };
    assert.equal(apply([{ ...theirs, lastTransitionTime: '2026-01-01T00:00:00Z' }]).status, 200);
    const isSeen = () =>
      controller.lines.some(({ level, msg, object }) => level === 'warn' && msg === 'write failed' && object === 'a');
    await eventually('it is logged', isSeen, soon);
    apply([]);
    await world.served('a');
  }));

test('a Service that became a LoadBalancer again before that was heard keeps its address', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', asking(home));
    await world.served('a', home);
    world.createService('b', asking(home));
    await eventually('b is refused', () => world.condition('b', 'Allocated')?.status === 'False', soon);
    const before = world.server.asked.length;
    world.patchService('a', { spec: { type: 'ClusterIP' } });
    const release = world.server.holdEvents(paths.services);
    world.patchService('a', { spec: { type: 'LoadBalancer' } });
    const isAsked = () => world.server.asked.slice(before).some(({ path }) => path === `${paths.ofDefault}/a`);
    await eventually('it is asked for', isAsked, soon);
    release();
    await world.served('a', home);
    assert.deepEqual(world.shown('b'), []);
  }));

test('a status that another program changed meanwhile is decided again, on what is there now', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const late = world.server.fault({ method: 'PATCH', path: statusOf('a') }, { kind: 'Hold' }, 1);
    world.createService('a', asking(home));
    await late.met;
    world.request('a', away);
    assert.equal(await late.heal(), 409);
    await world.served('a', away);
    await eventually('the first entry is gone', () => world.entry(home) === undefined, soon);
  }));

test('what watches tell late does not keep Services waiting, for what was written is known', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const release = world.server.holdEvents(paths.allocations);
    for (const name of ['a', 'b', 'c']) world.createService(name);
    for (const name of ['a', 'b', 'c']) await world.served(name);
    const conflicts = () => world.controllers[0]?.count('IPAllocation changed since it was read');
    assert.equal(conflicts(), 0);
    release();
    await world.pass();
    assert.equal(conflicts(), 0);
  }));

test('an entry that was made behind its back is learned of, and another address is given', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const release = world.server.holdEvents(paths.allocations);
    const reservedUntil = '2999-01-01T00:00:00Z';
    const spec = { address: '198.51.100.1', pool: 'p', services: [], reservedUntil };
    world.must('POST', paths.allocations, { metadata: { name: spec.address }, spec });
    world.createService('a');
    assert.equal(await world.served('a'), '198.51.100.2');
    release();
  }));
