/** The requests of the real controller when all is well: those that are needed, and no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked } from '../apiserver/faults.ts';
import { eventually } from '../lab/poll.ts';
import { usersOf } from './judge.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 20_000, everyMs: 10 };

/** Whether a request serves Services: not the Lease, not the start, not the status of pools. */
function aboutServing({ path, watches }: Asked): boolean {
  return !watches && !/leases|secrets|ipaddresspools/.test(path);
}

const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'by n1' };
const brief = ({ method, path }: Asked) => `${method} ${path}`;

/** The number of Services that show an address. */
function shown({ store }: World): number {
  return store.all(paths.services).filter(({ status }) => JSON.stringify(status).includes('"ip"')).length;
}

test('a Service gets its address and its condition by two writes', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const before = world.server.asked.length;
    const { uid } = world.createService('a').metadata;
    const address = await world.served('a');
    assert.equal(address, '198.51.100.1');
    assert.deepEqual(usersOf(world.entry(address)), [uid]);
    const { status, reason } = world.condition('a', 'Allocated') ?? {};
    assert.deepEqual([status, reason], ['True', 'Allocated']);
    assert.deepEqual(world.server.asked.slice(before).filter(aboutServing).map(brief), [
      `POST ${paths.allocations}`,
      `PATCH ${paths.ofDefault}/a/status`,
    ]);
  }));

test('Services that share an address from the start cost one write of its entry', (t) =>
  inWorld(t, async (world) => {
    const annotations = { 'berth.dev/allow-shared-ip': 'k' };
    const ports = [80, 81, 82];
    for (const port of ports) world.createService(`s${port}`, { annotations, spec: { ports: [{ port }] } });
    await world.startLeading();
    const addresses = new Set<string>();
    for (const port of ports) addresses.add(await world.served(`s${port}`));
    assert.equal(addresses.size, 1);
    const entries = world.server.writes.filter(({ path }) => path.includes('ipallocations'));
    assert.deepEqual(entries.map(brief), [`POST ${paths.allocations}`]);
  }));

test('a deleted Service is read once, and its address is released by one write', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    const before = world.server.asked.length;
    world.must('DELETE', `${paths.ofDefault}/a`);
    await eventually('the entry is gone', () => world.entry(address) === undefined, soon);
    assert.deepEqual(world.server.asked.slice(before).filter(aboutServing).map(brief), [
      `GET ${paths.ofDefault}/a`,
      `DELETE ${paths.allocations}/${address}`,
    ]);
  }));

test('a hundred Services cost two requests each, one more when they are announced, and a few for all of them', (t) =>
  inWorld(t, async (world) => {
    world.createPool('large', ['203.0.113.0/24']);
    await world.startLeading();
    const count = 120;
    const names = Array.from({ length: count }, (_, i) => `s${i}`);
    const before = world.server.asked.length;
    for (const name of names) world.createService(name);
    await eventually('all Services show an address', () => shown(world) === count, { ...soon, everyMs: 100 });
    // Nothing else wakes the controller: the statuses of pools are written, and all reports of
    // speakers come at once.
    const poolsToldAt = () => world.server.requests({ path: /ipaddresspools\/.*\/status/ }).at(-1)?.at ?? 0;
    await eventually('no more statuses of pools', () => performance.now() - poolsToldAt() > 1_100, soon);
    const release = world.server.holdEvents(paths.allocations);
    for (const name of names) world.tell(world.shown(name)[0] ?? '', announced);
    release();
    const areTold = () => names.filter((name) => world.condition(name, 'Announced')?.status === 'True').length;
    await eventually('all Services have the condition', () => areTold() === count, { ...soon, everyMs: 100 });
    const asked = world.server.asked.slice(before);
    const serving = asked.filter(aboutServing).length;
    assert.ok(serving <= 3 * count, `${serving} requests`);
    // The status of a pool is written at most once a second.
    const seconds = (performance.now() - (asked[0]?.at ?? 0)) / 1000;
    const others = asked.filter(({ path }) => /secrets|ipaddresspools/.test(path)).length;
    assert.ok(others <= 3 + 2 * seconds, `${others} requests about pools in ${seconds} s`);
  }));

test('a cluster without changes costs no request, however many passes there are and whichever controller leads', (t) =>
  inWorld(t, async (world) => {
    const first = await world.startLeading();
    for (const name of ['a', 'b', 'c']) world.createService(name);
    for (const name of ['a', 'b', 'c']) await world.served(name);
    const quietly = async (what: string) => {
      const before = world.server.asked.length;
      for (let i = 0; i < 3; i++) await world.pass();
      const asked = world.server.asked.slice(before).filter(aboutServing).map(brief);
      const isOfMarker = (text: string) => /marker|ipallocations(\/198\.51\.100\.4)?$/.test(text);
      assert.deepEqual(
        asked.filter((text) => !isOfMarker(text)),
        [],
        what,
      );
      // Created, shown, read, released.
      assert.equal(asked.length, 3 * 4, what);
    };
    await quietly('the first leader');
    await first.stop();
    await world.startLeading();
    await quietly('a new leader');
  }));

test('a Service that is no longer a LoadBalancer has no condition of Berth, and its address is free', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    world.patchService('a', { spec: { type: 'NodePort' } });
    await eventually('its condition is gone', () => world.condition('a', 'Allocated') === undefined, soon);
    await eventually('its entry is gone', () => world.entry(address) === undefined, soon);
  }));

test('the status of a pool has the number of used and free addresses', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const told = () => world.must('GET', `${paths.pools}/p`).status as { used?: string; free?: string } | undefined;
    await eventually('the status has the numbers', () => told()?.used === '1' && told()?.free === '19', soon);
  }));

test("the speakers' key is created once, and an existing key is left alone", (t) =>
  inWorld(t, async (world) => {
    const path = `${paths.secrets}/berth-liveness`;
    const keys = () => (world.ask('GET', path).body as { data?: { keys?: string } }).data?.keys;
    const first = await world.startLeading();
    const made = await eventually('the key is created', keys, soon);
    const key = Buffer.from(Buffer.from(made, 'base64').toString(), 'base64');
    assert.equal(key.length, 32);
    await first.stop();
    await world.startLeading();
    await world.pass();
    assert.equal(keys(), made);
  }));

test('the condition that a speaker writes about an address is copied to its Service, once', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    const before = world.server.asked.length;
    world.tell(address, announced);
    await eventually('the condition is copied', () => world.condition('a', 'Announced')?.message === 'by n1', soon);
    await world.pass();
    const asked = world.server.asked.slice(before).filter(aboutServing).map(brief);
    assert.equal(asked.filter((text) => text.endsWith('/a/status')).length, 1, asked.join('\n'));
  }));

test('the status of a pool that was created again is written once its event is there, and nothing fails before', (t) =>
  inWorld(t, async (world) => {
    const controller = await world.startLeading();
    const free = (name: string) =>
      (world.must('GET', `${paths.pools}/${name}`).status as { free?: string } | undefined)?.free;
    world.createPool('again', ['203.0.113.0/28'], { autoAssign: false });
    await eventually('its status is written', () => free('again') === '16', soon);
    const release = world.server.holdEvents(paths.pools);
    world.must('DELETE', `${paths.pools}/again`);
    world.createPool('again', ['203.0.113.0/28'], { autoAssign: false });
    // A new address changes the counts of the pool that the controller knows.
    world.createService('a', { annotations: { 'berth.dev/address-pool': 'again' } });
    const tried = () =>
      world.server.asked.some(({ method, path }) => method === 'GET' && path === `${paths.pools}/again`);
    await eventually('the controller reads the pool that refused', tried, soon);
    release();
    await eventually('its status is written', () => free('again') === '15', soon);
    const failed = controller.lines.filter(({ msg }) => msg === 'write failed');
    assert.deepEqual(failed, []);
  }));
