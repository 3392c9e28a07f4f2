/** Refused, late and lost answers of the API server: every change is still made, once, and delays no other object. */
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

/** The life of one Service, with every kind of write: allocate, show, move, share, release. */
async function live(world: World, name = 'a'): Promise<void> {
  const key = { 'berth.dev/allow-shared-ip': 'k' };
  const { uid } = world.createService(name, { annotations: { ...asking(home).annotations, ...key } }).metadata;
  await world.served(name, home);
  const other = world.createService('sharer', { annotations: key, spec: { ports: [{ port: 81 }] } }).metadata;
  await world.served('sharer', home);
  assert.deepEqual(usersOf(world.entry(home)), [uid, other.uid]);
  world.request(name, away);
  await world.served(name, away);
  await eventually('the Service has left the entry', () => usersOf(world.entry(home)).join() === other.uid, soon);
  world.must('DELETE', `${paths.ofDefault}/${name}`);
  await eventually('the entry of the Service is gone', () => world.entry(away) === undefined, soon);
  world.must('DELETE', `${paths.ofDefault}/sharer`);
  await eventually('all entries are gone', () => world.store.all(paths.allocations).length === 0, soon);
}

const writes: Readonly<Record<string, Wanted>> = {
  'creations of entries': { method: 'POST', path: paths.allocations },
  'updates of entries': { method: 'PATCH', path: entry(home) },
  'deletions of entries': { method: 'DELETE', path: entry(away) },
  'writes of statuses': { method: 'PATCH', path: statusOf('a') },
  'reads of Services': { method: 'GET', path: `${paths.ofDefault}/a` },
};

const effects: Readonly<Record<string, Effect>> = {
  'are refused with 500': { kind: 'Refuse', status: 500 },
  'are refused with 429': { kind: 'Refuse', status: 429, retryAfter: 1 },
  'lose their answers': { kind: 'LoseAnswer' },
  'lose their connections': { kind: 'Drop' },
  'are delayed': { kind: 'Delay', ms: 60 },
};

// These tests mostly wait, so they run at the same time.
suite('every change is made in the end', { concurrency: true }, () => {
  for (const [how, effect] of Object.entries(effects)) {
    test(`although the first requests ${how}`, (t) =>
      inWorld(t, async (world) => {
        await world.startLeading();
        const faults = Object.entries(writes).map(
          ([what, wanted]) => [what, world.server.fault(wanted, effect, 1)] as const,
        );
        await live(world);
        const unmet = faults.filter(([, { count }]) => count === 0).map(([what]) => what);
        assert.deepEqual(unmet, [], 'every fault has occurred');
      }));
  }
});

test('a write that is always refused delays no other object, and is retried at growing intervals', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    const bad = world.server.fault({ method: 'PATCH', path: statusOf('bad') }, { kind: 'Refuse', status: 422 });
    world.createService('bad');
    await bad.met;
    const from = performance.now();
    for (let i = 0; i < 5; i++) await world.pass();
    const tookMs = performance.now() - from;
    // Retries after 500 ms, 1 s, 2 s and so on.
    const most = 2 + Math.log2(1 + tookMs / 500);
    assert.ok(bad.count <= most, `${bad.count} attempts in ${tookMs} ms`);
    assert.ok(
      controller.lines.some(({ level, msg, object }) => level === 'warn' && msg === 'write failed' && object === 'bad'),
    );
    void bad.heal();
    await world.served('bad');
  }));

test('a condition that another manager owns is a logged failure, and is written once that manager gives it up', (t) =>
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
    await eventually('the failure is logged', isSeen, soon);
    apply([]);
    await world.served('a');
  }));

test('a Service that is a LoadBalancer again before the controller gets the event keeps its address', (t) =>
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
    await eventually('the controller reads a', isAsked, soon);
    release();
    await world.served('a', home);
    assert.deepEqual(world.shown('b'), []);
  }));

test('a status write that meets a changed Service is refused, and decided again on the new version', (t) =>
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

test('late watch events delay no Service, because the controller knows its own writes', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const release = world.server.holdEvents(paths.allocations);
    for (const name of ['a', 'b', 'c']) world.createService(name);
    for (const name of ['a', 'b', 'c']) await world.served(name);
    const conflicts = () => world.controllers[0]?.count('object changed since it was read');
    assert.equal(conflicts(), 0);
    release();
    await world.pass();
    assert.equal(conflicts(), 0);
  }));

test('an entry that another writer has just created is respected: the Service gets another address', (t) =>
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
