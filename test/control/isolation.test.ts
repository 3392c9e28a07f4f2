/** A hundred bad Services of every sort cost the good ones nothing: neither time nor requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Effect } from '../apiserver/faults.ts';
import { inWorld, paths, type World } from './world.ts';

const perSort = 10;
const good = 30;
/** The first attempts and their repetitions are over. */
const settleMs = 5_000;
/** An undisturbed Service has its address after some ten milliseconds, but the test's machine may be busy. A write that hangs is waited for 2 s. */
const goodMs = { usual: 500, most: 1_800 } as const;
/** Three late writes at once, and then one after each of the growing pauses: in half a minute, seven. */
const mostPerBad = 10;

interface Sort {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly spec?: object;
  /** How many; the default is {@link perSort}. */
  readonly count?: number;
  /** What happens to each write of its status. */
  readonly effect?: Effect;
  /** Done once the Service exists. */
  readonly after?: (world: World, name: string) => void;
}

const inPool = { 'berth.dev/address-pool': 'bad' };
const condition = {
  ...{ type: 'berth.dev/Announced', status: 'False', reason: 'Old', message: 'old' },
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

const sorts: Readonly<Record<string, Sort>> = {
  unknown: { annotations: { 'berth.dev/address-pool': 'none' } },
  quota: { annotations: { 'berth.dev/address-pool': 'quota' } },
  nonsense: { annotations: { 'berth.dev/loadBalancerIPs': '300.1.2.3, x' } },
  foreign: { annotations: { 'berth.dev/loadBalancerIPs': '192.0.2.99' } },
  clash: { annotations: { 'berth.dev/loadBalancerIPs': '203.0.113.200', 'berth.dev/allow-shared-ip': 'key' } },
  ranges: {
    annotations: { ...inPool, 'berth.dev/hand-off': 'NodePort' },
    spec: { loadBalancerSourceRanges: ['010.0.0.0/8', 'x/99'] },
  },
  leaving: {
    ...{ annotations: inPool, finalizers: ['example.com/kept'] },
    after: (world, name) => void world.must('DELETE', `${paths.ofDefault}/${name}`),
  },
  coowned: {
    annotations: inPool,
    after: (world, name) => {
      const body = { apiVersion: 'v1', kind: 'Service', metadata: { name }, status: { conditions: [condition] } };
      const contentType = 'application/apply-patch+yaml';
      const query = { fieldManager: 'restorer', force: 'true' };
      world.store.request({ method: 'PATCH', path: `${paths.ofDefault}/${name}/status`, query, contentType, body });
    },
  },
  refused: { annotations: inPool, effect: { kind: 'Refuse', status: 403 } },
  undone: { annotations: inPool, effect: { kind: 'Undo' } },
  hung: { annotations: inPool, effect: { kind: 'Hang' }, count: 40 },
  late: { annotations: inPool, effect: { kind: 'Refuse', status: 409, reason: 'Conflict' } },
};

function createBad(world: World): void {
  world.createPool('bad', ['203.0.113.0/24'], { autoAssign: false });
  world.createPool('quota', ['192.0.2.0/28'], { autoAssign: false, quota: { perNamespace: 1 } });
  for (const [sort, { annotations = {}, finalizers, spec, count = perSort, effect, after }] of Object.entries(sorts)) {
    if (effect) world.server.fault({ method: 'PATCH', path: new RegExp(`/${sort}-\\d+/status$`) }, effect);
    for (let i = 0; i < count; i++) {
      const facts = { annotations, ...(finalizers && { finalizers }), ...(spec && { spec }) };
      world.createService(`${sort}-${i}`, facts);
      after?.(world, `${sort}-${i}`);
    }
  }
}

/** Changes the Services whose writes come late all the time, as a program does that fights with another one. */
function changeAlways(world: World): () => void {
  let i = 0;
  const timer = setInterval(() => {
    const annotations = { 'example.com/at': `${i}` };
    world.patchService(`late-${i++ % perSort}`, { metadata: { annotations } });
  }, 5);
  return () => clearInterval(timer);
}

test('a hundred bad Services of every sort cost the others nothing', (t) =>
  inWorld(t, async (world) => {
    world.createPool('good', ['198.18.0.0/24'], { priority: 1 });
    await world.startLeading();
    createBad(world);
    t.after(changeAlways(world));
    await delay(settleMs);
    const [from, before] = [performance.now(), world.server.asked.length];
    const waits: number[] = [];
    for (let i = 0; i < good; i++) {
      const createdAt = performance.now();
      world.createService(`good-${i}`);
      await world.served(`good-${i}`);
      waits.push(performance.now() - createdAt);
    }
    const seconds = (performance.now() - from) / 1_000;
    const asked = world.server.asked.slice(before).filter(({ method }) => method !== 'GET');
    const forGood = asked.filter(({ path, body }) => /good-\d+/.test(path + JSON.stringify(body ?? '')));
    const others = asked.length - forGood.length - asked.filter(({ path }) => /leases|pools/.test(path)).length;
    t.diagnostic(`waits up to ${Math.round(Math.max(...waits))} ms; ${forGood.length} writes for ${good} Services`);
    t.diagnostic(`${others} other writes in ${seconds.toFixed(1)} s`);
    const usual = waits.toSorted((a, b) => a - b)[Math.floor(0.9 * good)] ?? 0;
    assert.ok(usual < goodMs.usual && Math.max(...waits) < goodMs.most, `waits of ${waits.map(Math.round)} ms`);
    assert.equal(forGood.length, 2 * good, 'an entry and a status for each');
    const statuses = world.server.asked.filter(({ method, path }) => method === 'PATCH' && path.endsWith('/status'));
    const perPath = Object.entries(Object.groupBy(statuses, ({ path }) => path)).filter(
      ([path]) => !/pools/.test(path),
    );
    const tooMany = perPath.filter(([, asked = []]) => asked.length > mostPerBad).map(([path]) => path);
    assert.deepEqual(tooMany, [], 'statuses that were written again and again');
  }));
