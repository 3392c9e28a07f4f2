/**
 * Writes of a former leader that reach the API server late, after the new leader has decided otherwise. Each of these orders of events
 * can happen, if a process sleeps or a network is slow for long enough. The API server must refuse every write that would do harm.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ip } from '../../src/addr/ip.ts';
import { connect } from '../../src/kube/connection.ts';
import { collections, servicePath } from '../../src/kube/resources.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import type { Slot } from './churn.ts';
import { LeaseTamper } from './disturb.ts';
import { prepare, restore } from './ha-setup.ts';
import { World } from './ha-world.ts';
import { violationsIn } from './invariants.ts';
import { SlowProxy } from './slow-proxy.ts';

const lab = berth.sharedLab();
const slowKubeconfig = join(lab.stateDir, 'slow.kubeconfig');
let program: string;
let proxy: SlowProxy;

before(async () => {
  program = await prepare(lab);
  proxy = await SlowProxy.open(await connect(lab.kubeconfig));
  await writeFile(slowKubeconfig, JSON.stringify(proxy.kubeconfig));
});

after(async () => {
  proxy?.close();
  await restore(lab);
});

/** A sequence of events for a few Services, with a write of the first controller that arrives late. */
interface Story {
  /** How many Services there are at the end. */
  readonly services: number;
  readonly before: () => Promise<void>;
  /** The late write: method and path. */
  readonly late: readonly [string, string];
  /** The API server's answer: it refuses every write that would do harm. */
  readonly answer: 409 | 201;
  /** Makes the first controller send the write. */
  readonly cause: () => Promise<void>;
  /** The events until the write arrives; `succeed` gives the lead to the second controller. */
  readonly meanwhile: (succeed: () => Promise<void>) => Promise<void>;
}

/** The Services of a story, and steps with them. */
class Stage {
  readonly world: World;
  /** Services that share no address. */
  readonly alone: readonly [Slot, Slot];
  /** Services with the same key. The last two have the same port: each of them can share with the first one only. */
  readonly sharing: readonly [Slot, Slot, Slot];

  constructor(world: World) {
    const slot = (index: number) => world.churn.slots[index] as Slot;
    this.world = world;
    this.alone = [slot(0), slot(1)];
    this.sharing = [slot(30), slot(60), slot(150)];
  }

  /** Creates a Service and waits until it shows the address. */
  async settle(slot: Slot, address: Ip, request: Ip | undefined = address): Promise<void> {
    await this.world.churn.create(slot, request);
    await this.shows(slot, address);
  }

  shows({ key }: Slot, address: Ip): Promise<unknown> {
    return eventually(`${key} shows ${address}`, () => this.world.history.shownBy(key).includes(address), quick);
  }
}

const quick = { timeoutMs: 20_000, everyMs: 20 };
const entryOf = (address: string) => `${collections.allocations}/${address}`;
const statusOf = (slot: Slot) => `${servicePath(slot)}/status`;

const stories: Readonly<Record<string, (stage: Stage) => Story>> = {
  'deletes the entry of an address that its Service uses again': (stage) => {
    const {
      alone: [a],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 1,
      before: () => stage.settle(a, home),
      late: ['DELETE', entryOf(home)],
      answer: 409,
      cause: () => churn.ask(a, away),
      meanwhile: async (succeed) => {
        await churn.ask(a, home);
        await succeed();
        await stage.shows(a, home);
      },
    };
  },
  'deletes the entry of a Service that is a LoadBalancer again': (stage) => {
    const {
      alone: [a],
      world: { churn },
    } = stage;
    const [home] = a.own;
    return {
      services: 1,
      before: () => stage.settle(a, home),
      late: ['DELETE', entryOf(home)],
      answer: 409,
      cause: () => churn.balance(a, false),
      meanwhile: async (succeed) => {
        await churn.balance(a, true);
        await succeed();
        await stage.shows(a, home);
      },
    };
  },
  'deletes the entry of a Service that was created again': (stage) => {
    const {
      alone: [a],
      world: { churn },
    } = stage;
    const [home] = a.own;
    return {
      services: 1,
      before: () => stage.settle(a, home),
      late: ['DELETE', entryOf(home)],
      answer: 409,
      cause: () => churn.remove(a),
      meanwhile: async (succeed) => {
        await churn.create(a, home);
        await succeed();
        await stage.shows(a, home);
      },
    };
  },
  'removes a Service from a shared entry that the Service uses again': (stage) => {
    const {
      sharing: [a, b],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 2,
      before: async () => {
        await stage.settle(a, home);
        await stage.settle(b, home, undefined);
      },
      late: ['PATCH', entryOf(home)],
      answer: 409,
      cause: () => churn.ask(a, away),
      meanwhile: async (succeed) => {
        await churn.ask(a, home);
        await succeed();
        await stage.shows(a, home);
      },
    };
  },
  'adds a Service to a shared entry in which another Service has the same port': (stage) => {
    const {
      sharing: [a, b, c],
      world: { churn },
    } = stage;
    const [home] = a.own;
    return {
      services: 3,
      before: () => stage.settle(a, home),
      late: ['PATCH', entryOf(home)],
      answer: 409,
      cause: () => churn.create(b),
      meanwhile: async (succeed) => {
        await churn.remove(b);
        await churn.create(c);
        await succeed();
        await stage.shows(c, home);
        await churn.create(b);
      },
    };
  },
  'writes an address into a status after another Service has got it': (stage) => {
    const {
      alone: [a, b],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 2,
      before: () => stage.settle(a, home),
      late: ['PATCH', statusOf(a)],
      answer: 409,
      cause: () => churn.ask(a, away),
      meanwhile: async (succeed) => {
        await churn.ask(a, home);
        await succeed();
        await stage.settle(b, away);
      },
    };
  },
  'writes the address of a deleted Service into the status of a new one with the same name': (stage) => {
    const {
      alone: [a, b],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 2,
      before: async () => {},
      late: ['PATCH', statusOf(a)],
      answer: 409,
      cause: () => churn.create(a, home),
      meanwhile: async (succeed) => {
        await churn.remove(a);
        await churn.create(a, away);
        await succeed();
        await stage.shows(a, away);
        await stage.settle(b, home);
      },
    };
  },
  'creates the entry of an address that another Service has got meanwhile': (stage) => {
    const {
      alone: [a, b],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 2,
      before: () => stage.settle(a, home),
      late: ['POST', collections.allocations],
      answer: 409,
      cause: () => churn.ask(a, away),
      meanwhile: async (succeed) => {
        await churn.ask(a, home);
        await succeed();
        await stage.settle(b, away);
      },
    };
  },
  'creates an entry that no Service needs any more': (stage) => {
    const {
      alone: [a],
      world: { churn },
    } = stage;
    const [home, away] = a.own;
    return {
      services: 1,
      before: () => stage.settle(a, home),
      late: ['POST', collections.allocations],
      // No harm: the new leader finds an entry without a Service, and releases it.
      answer: 201,
      cause: () => churn.ask(a, away),
      meanwhile: async (succeed) => {
        await churn.ask(a, home);
        await succeed();
      },
    };
  },
};

for (const [name, story] of Object.entries(stories)) {
  test(`a late write of a former leader does no harm: it ${name}`, async (t) => {
    const timing = { leaseDuration: '3s', renewDeadline: '2500ms', retryPeriod: '100ms' };
    const kubeconfigs = [slowKubeconfig, lab.kubeconfig] as const;
    // Three ports and thirty keys: see `slotOf`.
    const world = await World.begin({ lab, program, timing, kubeconfigs, size: 180, sharing: 150 });
    t.after(() => world.end());
    const { services, before, late, answer, cause, meanwhile } = story(new Stage(world));
    await lead(world, 0);
    await before();
    const held = proxy.hold(...late);
    // A second release has no effect.
    t.after(() => void held.release().catch(() => undefined));
    const came = held.came.then(() => true);
    await cause();
    assert.ok(await Promise.race([came, delay(20_000, false)]), `no ${late.join(' ')}`);
    await meanwhile(() => lead(world, 1));
    assert.equal(await held.release(), answer, late.join(' '));
    await world.verify(services);
  });
}

test('the address of a Service that is being deleted goes to no other Service while the status still shows it', async (t) => {
  const timing = { leaseDuration: '3s', renewDeadline: '2500ms', retryPeriod: '100ms' };
  const world = await World.begin({ lab, program, timing, size: 2, sharing: 0 });
  t.after(() => world.end());
  const { churn, client, history } = world;
  const stage = new Stage(world);
  const [a, b] = stage.alone;
  const [address] = a.own;
  const keep = (finalizers: readonly string[]) => {
    const body = { metadata: { finalizers } };
    return client.json({ method: 'PATCH', path: servicePath(a), contentType: 'application/merge-patch+json', body });
  };
  await stage.settle(a, address);
  await keep(['example.com/not-yet']);
  try {
    await churn.create(b, address);
    const given = history.next((fact) => fact.kind === 'service' && fact.key === b.key && fact.ips.length > 0, 3_000);
    await churn.remove(a);
    // b may get the address now, or when a is gone.
    await given;
    const found = violationsIn(history.facts).map((each) => `${each.rule} ${each.address}`);
    assert.deepEqual(found, [], `a finalizer keeps ${a.key}: ${found}`);
  } finally {
    await keep([]);
  }
});

/** Gives the lead to one of the two controllers, and waits until the other one has noticed. */
async function lead({ client, controllers }: World, place: number): Promise<void> {
  const lease = new LeaseTamper(client);
  await eventually(
    `controller ${place} leads`,
    async () => {
      assert.deepEqual(controllers.failures, []);
      const wanted = controllers.running.find((process) => process.place === place);
      if (wanted?.identity === undefined) return false;
      if ((await lease.holder()) !== wanted.identity) await lease.give(wanted.identity);
      return wanted.leads && controllers.running.every((process) => process === wanted || !process.leads);
    },
    { timeoutMs: 20_000, everyMs: 50 },
  );
}
