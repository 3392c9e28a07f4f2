/** Two controllers: the lead may change at any moment, and only the leader acts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths } from './world.ts';

const soon = { timeoutMs: 20_000, everyMs: 10 };
const names = ['a', 'b', 'c', 'd', 'e'];

test('a controller that is stopped lets the next one lead at once, and the next one needs no new lists', (t) =>
  inWorld(t, async (world) => {
    const timing = { leaseDurationMs: 60_000, renewDeadlineMs: 50_000 };
    // The first one ends between two renewals.
    const first = await world.startLeading({ ...timing, retryPeriodMs: 40_000 });
    const second = world.start({ ...timing, retryPeriodMs: 20 });
    await eventually('the second controller waits', () => second.identity, soon);
    world.createService('a');
    await world.served('a');
    const lists = world.server.requests({ path: paths.services, watches: false }).length;
    await first.stop();
    assert.equal(await first.ended, undefined);
    world.createService('b');
    await world.served('b');
    assert.ok(second.leads);
    assert.equal(world.server.requests({ path: paths.services, watches: false }).length, lists);
  }));

test('requests that hang do not delay the end of a controller', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    const hung = ['POST', 'PATCH'].map((method) => {
      return world.server.fault({ method, path: /\/(events|status)$/ }, { kind: 'Hang' });
    });
    world.createService('a');
    await hung[1]?.met;
    hung[1]?.heal();
    world.request('a', '192.0.2.1');
    world.createService('b', { annotations: { 'berth.dev/loadBalancerIPs': '192.0.2.2' } });
    await hung[0]?.met;
    const from = performance.now();
    await controller.stop();
    assert.ok(performance.now() - from < 2_000, `it ended after ${performance.now() - from} ms`);
  }));

test('a leader that loses the lead in the middle of a pass leaves the rest of it to the next leader', (t) =>
  inWorld(t, async (world) => {
    const [first, second] = [world.start(), world.start()];
    await world.giveLead(first);
    const held = world.server.fault({ method: 'POST', path: paths.allocations }, { kind: 'Hold' }, names.length);
    for (const name of names) world.createService(name);
    await eventually('all creations are under way', () => held.count === names.length, soon);
    await world.giveLead(second);
    const lost = await first.ended;
    assert.match(lost?.message ?? '', /^lost lease/);
    for (const name of names) await world.served(name);
    await held.heal();
    await world.pass();
    const addresses = names.map((name) => world.shown(name)[0]);
    assert.equal(new Set(addresses).size, names.length, addresses.join());
    await eventually('all entries exist', () => world.store.all(paths.allocations).length === names.length, soon);
  }));

test('a controller on standby writes nothing, whatever happens', (t) =>
  inWorld(t, async (world) => {
    world.must('POST', paths.leases, {
      metadata: { name: 'berth-controller' },
      spec: { holderIdentity: 'another', leaseDurationSeconds: 3_600 },
    });
    const controller = world.start();
    await eventually('the controller waits', () => controller.identity, soon);
    for (const name of names) world.createService(name);
    world.must('DELETE', `${paths.ofDefault}/a`);
    const asked = world.server.requests({ path: paths.lease }).length;
    await eventually(
      'the controller tries to lead',
      () => world.server.requests({ path: paths.lease }).length > asked + 3,
      soon,
    );
    assert.deepEqual(world.server.writes, []);
    assert.equal(controller.leads, false);
  }));

test('a leader that cannot renew ends, and the next one takes over when the Lease expires', (t) =>
  inWorld(t, async (world) => {
    const timing = { leaseDurationMs: 1_000, renewDeadlineMs: 500, retryPeriodMs: 20 };
    const first = await world.startLeading(timing);
    const second = world.start(timing);
    await eventually('the second controller waits', () => second.identity, soon);
    // Only the first controller is cut off: its renewals carry its identity.
    const mine = new RegExp(first.identity ?? '-');
    world.server.fault({ method: 'PUT', path: paths.lease, body: mine }, { kind: 'Refuse', status: 503 });
    const lost = await first.ended;
    assert.match(lost?.message ?? '', /^lost lease/);
    const lostAt = performance.now();
    world.createService('a');
    await world.served('a');
    assert.ok(second.leads);
    const taken = world.server
      .requests({ method: 'PUT', path: paths.lease })
      .find(({ body }) => !mine.test(JSON.stringify(body)));
    assert.ok((taken?.at ?? 0) >= lostAt, 'the Lease is taken after the first leader has ended');
  }));
