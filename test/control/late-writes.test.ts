/**
 * Writes of a former leader that reach the API server late, after his successor has decided otherwise: a process sleeps, or a network is
 * slow, for as long as it takes. The API server has to refuse what would do harm, so every write has to say what it was decided on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
const [home, away] = ['198.51.100.11', '198.51.100.12'] as const;

/** What happens to a few Services, to which a write of the first controller comes late. */
interface Story {
  /** What the successor's cluster looks like before. */
  readonly before: (world: World) => Promise<unknown> | undefined;
  /** The write: method, path, and where it matters what is in it. */
  readonly late: { readonly method: string; readonly path: string; readonly body?: RegExp };
  /** Makes the first controller send it. */
  readonly cause: (world: World) => void;
  /** What happens until it arrives; `succeed` gives the lead to the second controller. */
  readonly meanwhile: (world: World, succeed: () => Promise<void>) => Promise<unknown>;
  /** Who shows what at the end. */
  readonly end: Readonly<Record<string, string>>;
  /** Does the API server refuse the write? What does no harm may come to pass. */
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
  'deletes the entry of an address that its Service has come back to': {
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
  'deletes the entry of a Service that was made anew': {
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
  'strikes a Service that has come back from a shared entry': {
    before: async (world) => {
      await settle(world, ['a', sharing(80, home)], home);
      await settle(world, ['b', sharing(81)], home);
    },
    late: { method: 'PUT', path: entry(home), body: /"services":\[[^\]]*"name":"b"/ },
    cause: (world) => world.request('a', away),
    meanwhile: async (world, succeed) => {
      world.request('a', home);
      await succeed();
      await world.served('a', home);
    },
    end: { a: home, b: home },
    isRefused: true,
  },
  'adds a Service to a shared entry where another one has its port': {
    before: (world) => settle(world, ['a', sharing(80, home)], home),
    late: { method: 'PUT', path: entry(home) },
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
  'shows an address that another Service has meanwhile': {
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
  'shows the address of a former Service on its namesake': {
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
  'creates an entry that another Service has meanwhile': {
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
  'creates an entry that is needed no more': {
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
  test(`a former leader too late ${name}`, (t) =>
    inWorld(t, async (world) => {
      const [first, second] = [world.start(), world.start()];
      await world.giveLead(first);
      await before(world);
      const held = world.server.fault(late, { kind: 'Hold' }, 1);
      cause(world);
      await held.met;
      await meanwhile(world, async () => {
        await world.giveLead(second);
        await eventually('the first one has noticed', () => first.isOver, soon);
      });
      const status = await held.heal();
      assert.equal(status >= 400, isRefused, `the late write: ${status}`);
      await world.pass();
      for (const [service, address] of Object.entries(end)) assert.deepEqual(world.shown(service), [address], service);
      const used = new Set(Object.values(end));
      const entries = () => world.store.all(paths.allocations).map(({ metadata }) => metadata.name);
      await eventually('no entry is of nobody', () => entries().every((one) => used.has(one)), soon);
      world.judge.verify();
    }));
}
