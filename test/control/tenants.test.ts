/** Trouble with one object stays with that object: it causes no endless writes, and delays no other object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths } from './world.ts';

interface Told {
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string };
}

const applyType = 'application/apply-patch+yaml';
const lastTransitionTime = '2026-01-01T00:00:00Z';

test('a condition that another field manager also owns is not written again and again', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    await world.served('a');
    const condition = { type: 'berth.dev/HandOff', status: 'False', reason: 'Old', message: 'old', lastTransitionTime };
    const path = `${paths.ofDefault}/a/status`;
    const before = world.server.requests({ method: 'PATCH', path }).length;
    // Like a tool that restores a backup.
    const { status } = world.store.request({
      ...{ method: 'PATCH', path, query: { fieldManager: 'restorer' }, contentType: applyType },
      body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, status: { conditions: [condition] } },
    });
    assert.equal(status, 200);
    const written = () => world.server.requests({ method: 'PATCH', path }).length - before;
    await eventually('many writes', () => written() > 6, { timeoutMs: 3_000, everyMs: 10 }).catch(() => undefined);
    assert.ok(written() <= 6, 'the same status is written without end');
  }));

test('Services whose status cannot be written do not delay other Services', (t) =>
  inWorld(t, async (world) => {
    world.createPool('large', ['203.0.113.0/24']);
    await world.startLeading();
    const names = [...Array.from({ length: 100 }, (_, i) => `bad-${i}`), 'good'];
    for (const name of names) world.createService(name);
    for (const name of names) await world.served(name);
    const refused = world.server.fault(
      { method: 'PATCH', path: /\/bad-\d+\/status$/ },
      { kind: 'Refuse', status: 422 },
    );
    const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'by n1' };
    for (const name of names) world.tell(world.shown(name)[0] ?? '', announced);
    await refused.met;
    const isTold = () => world.condition('good', 'Announced') !== undefined;
    await eventually('the condition is copied', isTold, { timeoutMs: 2_000, everyMs: 10 }).catch(() => undefined);
    assert.ok(isTold(), 'the Service after a hundred bad ones has no condition');
  }));

test('Services whose writes hang do not delay other Services', (t) =>
  inWorld(t, async (world) => {
    world.createPool('large', ['203.0.113.0/24']);
    await world.startLeading();
    // Like a webhook for one namespace whose backend is gone.
    const hung = world.server.fault({ method: 'PATCH', path: /\/bad-\d+\/status$/ }, { kind: 'Hang' });
    for (let i = 0; i < 12; i++) world.createService(`bad-${i}`);
    await hung.met;
    for (const name of ['good-1', 'good-2']) {
      world.createService(name);
      const isServed = () => world.shown(name).length > 0;
      await eventually(`${name} has its address`, isServed, { timeoutMs: 5_000, everyMs: 10 });
    }
  }));

test('an Event at the object says why its status cannot be written', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const refuse = { kind: 'Refuse', status: 403, reason: 'Forbidden' } as const;
    for (const path of [/services\/a\/status$/, /ipaddresspools\/p\/status$/]) {
      world.server.fault({ method: 'PATCH', path }, refuse);
    }
    world.server.fault({ method: 'PATCH', path: /services\/b\/status$/ }, { ...refuse, status: 503 });
    for (const name of ['a', 'b']) world.createService(name);
    const told = () => {
      const events = world.server.requests({ method: 'POST', path: /\/events$/ }).map(({ body }) => body as Told);
      const ours = events.filter(({ reason }) => reason === 'NotWritten');
      return ours.map(({ regarding: { kind, name }, note }) => `${kind} ${name}: ${note}`).sort();
    };
    await eventually('two Events', () => told().length > 1, { timeoutMs: 5_000, everyMs: 10 });
    // Further failures follow.
    await eventually('four failures', () => world.server.requests({ path: /services\/b\/status$/ }).length > 3);
    assert.deepEqual(told(), ['IPAddressPool p: a fault of the test', 'Service a: a fault of the test']);
  }));

test('a namespace whose writes hang does not delay Services of other namespaces', (t) =>
  inWorld(t, async (world) => {
    world.createPool('large', ['203.0.113.0/24']);
    await world.startLeading();
    world.must('POST', '/api/v1/namespaces', { metadata: { name: 'bad' } });
    const ofBad = '/api/v1/namespaces/bad/services';
    const hung = world.server.fault(
      { method: 'PATCH', path: /^\/api\/v1\/namespaces\/bad\/.*\/status$/ },
      { kind: 'Hang' },
    );
    for (let i = 0; i < 100; i++) {
      const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
      world.must('POST', ofBad, { metadata: { name: `bad-${i}` }, spec });
    }
    await hung.met;
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const from = performance.now();
      world.createService(`good-${i}`);
      await world.served(`good-${i}`);
      waits.push(Math.round(performance.now() - from));
    }
    // Only the first of them may wait until it is known that the namespace is slow.
    const [longest = 0, ...others] = waits.sort((a, b) => b - a);
    assert.ok(longest < 4_000 && others.every((ms) => ms < 500), `waits of ${waits} ms`);
  }));

test('an entry that a finalizer keeps does not stop allocation', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    world.must('PATCH', `${paths.allocations}/${address}`, { metadata: { finalizers: ['example.com/x'] } });
    world.must('DELETE', `${paths.ofDefault}/a`);
    const isMarked = () => world.entry(address)?.metadata.deletionTimestamp;
    await eventually('the entry is being deleted', isMarked, { everyMs: 10 });
    world.createService('b');
    const conflicts = () => controller.count('object changed since it was read');
    const isOver = () => world.shown('b').length > 0 || conflicts() > 10;
    await eventually('b has an address, or writes conflict', isOver, { timeoutMs: 5_000, everyMs: 10 });
    assert.ok(world.shown('b').length > 0, 'b has no address, though 19 are free');
  }));

test('a leader that slept past its deadline writes nothing more', (t) =>
  inWorld(t, async (world) => {
    let wokeAt = Number.POSITIVE_INFINITY;
    const timing = { leaseDurationMs: 1_500, renewDeadlineMs: 1_000, retryPeriodMs: 50 };
    const controller = await world.startLeading(timing, ({ msg }) => {
      if (msg !== 'address allocated' || wokeAt < Number.POSITIVE_INFINITY) return;
      // The whole process stands still meanwhile, as in a very long pass or on a paused machine.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
      wokeAt = performance.now();
    });
    for (const name of ['a', 'b', 'c']) world.createService(name);
    const lost = await controller.ended;
    assert.match(lost?.message ?? '', /^lost lease/);
    assert.ok(Number.isFinite(wokeAt), 'the leader has slept');
    // Requests that were under way before cannot be taken back. Statuses are written after them.
    const late = world.server.requests({ method: 'PATCH', path: /services/ }).filter(({ at }) => at >= wokeAt);
    assert.equal(late.length, 0, 'statuses were written after the lease had run out');
  }));
