/** Objects that are being deleted and wait for a finalizer of another program, of each kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
const finalizers = ['example.org/slow'];
const home = '198.51.100.11';

/** One object that is being deleted: its path, and what must be so meanwhile. */
interface Row {
  readonly kind: string;
  readonly path: string;
  readonly holds: (world: World) => void;
  /** What happens once the object is gone. */
  readonly ends?: (world: World) => Promise<unknown>;
}

const rows: readonly Row[] = [
  {
    kind: 'Service',
    path: `${paths.ofDefault}/a`,
    // Berth removes the address from its status, and then from the ledger, in this order.
    holds: (world) =>
      assert.ok(world.entry(home) ?? world.shown('a').length === 0, 'the address is free while it is shown'),
    ends: (world) => eventually('its address is released', () => world.entry(home) === undefined, soon),
  },
  {
    kind: 'IPAllocation',
    path: `${paths.allocations}/${home}`,
    holds: (world) => assert.deepEqual(world.shown('a'), [home], 'the Service keeps its address'),
    ends: async (world) => {
      await eventually('the entry is created again', () => world.entry(home), soon);
      // A person removed it from the ledger, and not Berth.
      world.judge.forgive(/a is removed from/);
    },
  },
  {
    kind: 'IPAddressPool',
    path: `${paths.pools}/p`,
    holds: (world) => assert.deepEqual(world.shown('a'), [home], 'the Service keeps its address'),
  },
  {
    kind: 'L2Advertisement',
    path: `${paths.advertisements}/all`,
    holds: (world) => assert.deepEqual(world.shown('a'), [home], 'the Service keeps its address'),
  },
];

for (const { kind, path, holds, ends } of rows) {
  test(`a finalizer on an object of kind ${kind} stops nothing else, costs no storm, and ends without a trace`, (t) =>
    inWorld(t, async (world) => {
      world.createPool('other', ['203.0.113.0/28'], { autoAssign: false });
      await world.startLeading();
      world.createService('a', { annotations: { 'berth.dev/loadBalancerIPs': home } });
      await world.served('a', home);
      world.must('PATCH', path, { metadata: { finalizers } });
      world.must('DELETE', path);
      const elsewhere = { annotations: { 'berth.dev/address-pool': 'other' } };
      world.createService('b', elsewhere);
      await world.served('b');
      holds(world);
      const before = world.server.asked.length;
      world.createService('c', elsewhere);
      await world.served('c');
      const asked = world.server.asked.length - before;
      assert.ok(asked <= 20, `${asked} requests for one Service`);
      // The other program is done.
      world.must('PATCH', path, { metadata: { finalizers: null } });
      await ends?.(world);
      world.createService('d', elsewhere);
      await world.served('d');
    }));
}
