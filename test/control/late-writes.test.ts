/**
 * Writes of a former leader that reach the API server late, after its successor has decided
 * otherwise. A process may sleep, or a network may be slow, for any time. The API server must
 * refuse every harmful write, so every write must name what it was decided on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
const [home, away] = ['198.51.100.11', '198.51.100.12'] as const;

/** What happens to a few Services while a write of the first controller is late. */
interface Story {
  /** Makes the state before the late write. */
  readonly before: (world: World) => Promise<unknown> | undefined;
  /** The late write: method, path, and a pattern of its body where that matters. */
  readonly late: { readonly method: string; readonly path: string; readonly body?: RegExp };
  /** Makes the first controller send the write. */
  readonly cause: (world: World) => void;
  /** What happens until the write arrives; `succeed` gives the lead to the second controller. */
  readonly meanwhile: (world: World, succeed: () => Promise<void>) => Promise<unknown>;
  /** The address that each Service shows at the end. */
  readonly end: Readonly<Record<string, string>>;
  /** Whether the API server refuses the write. A harmless write may succeed. */
  readonly isRefused: boolean;
}

const key = { 'berth.dev/allow-shared-ip': 'k' };
const entry = (address: string) => `${paths.allocations}/${address}`;
const statusOf = (name: string) => `${paths.ofDefault}/${name}/status`;
const asking = (address: string) => ({ annotations: { 'berth.dev/loadBalancerIPs': address } });
const sharing = (port: number, address?: string) => ({
  annotations: { ...key, ...(address !== undefined && { 'berth.dev/loadBalancerIPs': address }) },
  spec: { ports: [{ port }] },
});

async function settle(world: World, [name, facts]: readonly [string, object], address: string): Promise<void> {
  world.createService(name, facts);
  await world.served(name, address);
}

const remove = (world: World, name: string) => world.must('DELETE', `${paths.ofDefault}/${name}`);

const stories: Readonly<Record<string, Story>> = {
  'deletes the entry of an address that its Service uses again': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'DELETE', path: entry(home) },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
      await world.served('a', home);
    },
    end: { a: home },
    isRefused: true,
  },
  'deletes the entry of a Service that is a LoadBalancer again': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'DELETE', path: entry(home) },
    cause: (world) => world.patchService('a', { spec: { type: 'ClusterIP' } }),
    meanwhile: async (world, succeed) => {
      world.patchService('a', { spec: { type: 'LoadBalancer' } });
      await succeed();
      await world.served('a', home);
    },
    end: { a: home },
    isRefused: true,
  },
  'deletes the entry of a Service that was recreated': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'DELETE', path: entry(home) },
    cause: (world) => remove(world, 'a'),
    meanwhile: async (world, succeed) => {
      world.createService('a', asking(home));
      await succeed();
      await world.served('a', home);
    },
    end: { a: home },
    isRefused: true,
  },
  'removes from a shared entry a Service that uses it again': {
    before: async (world) => {
      await settle(world, ['a', sharing(80, home)], home);
      await settle(world, ['b', sharing(81)], home);
    },
    late: { method: 'PATCH', path: entry(home), body: /"services":\[[^\]]*"name":"b"/ },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
      await world.served('a', home);
    },
    end: { a: home, b: home },
    isRefused: true,
  },
  'adds a Service to a shared entry in which another Service has its port': {
    before: (world) => settle(world, ['a', sharing(80, home)], home),
    late: { method: 'PATCH', path: entry(home) },
    cause: (world) => world.createService('b', sharing(81)),
    meanwhile: async (world, succeed) => {
      remove(world, 'b');
      world.createService('c', sharing(81));
      await succeed();
      await world.served('c', home);
      world.createService('b', sharing(81));
      await world.served('b');
    },
    end: { a: home, c: home, b: '198.51.100.1' },
    isRefused: true,
  },
  'shows an address that another Service has by then': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'PATCH', path: statusOf('a') },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
      await settle(world, ['b', asking(away)], away);
    },
    end: { a: home, b: away },
    isRefused: true,
  },
  'shows the address of a deleted Service on a new one of the same name': {
    before: () => undefined,
    late: { method: 'PATCH', path: statusOf('a') },
    cause: (world) => world.createService('a', asking(home)),
    meanwhile: async (world, succeed) => {
      remove(world, 'a');
      world.createService('a', asking(away));
      await succeed();
      await world.served('a', away);
      await settle(world, ['b', asking(home)], home);
    },
    end: { a: away, b: home },
    isRefused: true,
  },
  'creates an entry that another Service has by then': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'POST', path: paths.allocations },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
      await settle(world, ['b', asking(away)], away);
    },
    end: { a: home, b: away },
    isRefused: true,
  },
  'creates an entry that is no longer needed': {
    before: (world) => settle(world, ['a', asking(home)], home),
    late: { method: 'POST', path: paths.allocations },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
    },
    end: { a: home },
    isRefused: false,
  },
};

for (const [name, { before, late, cause, meanwhile, end, isRefused }] of Object.entries(stories)) {
  test(`a former leader ${name}, too late`, (t) =>
    inWorld(t, async (world) => {
      const [first, second] = [world.start(), world.start()];
      await world.giveLead(first);
      await before(world);
      const held = world.server.fault(late, { kind: 'Hold' }, 1);
      cause(world);
      await held.met;
      await meanwhile(world, async () => {
        await world.giveLead(second);
        await eventually('the first controller has ended', () => first.isOver, soon);
      });
      const status = await held.heal();
      assert.equal(status >= 400, isRefused, `the late write: ${status}`);
      await world.pass();
      for (const [service, address] of Object.entries(end)) assert.deepEqual(world.shown(service), [address], service);
      const used = new Set(Object.values(end));
      const entries = () => world.store.all(paths.allocations).map(({ metadata }) => metadata.name);
      await eventually('every entry has a Service', () => entries().every((one) => used.has(one)), soon);
      world.judge.verify();
    }));
}
