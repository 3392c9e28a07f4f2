/** helm upgrade and helm rollback, while a client sends requests all the time and keeps connections open. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { probed } from '../probe/backend.ts';
import { Prober } from '../probe/prober.ts';
import * as berth from './berth.ts';
import { servedAll, servedAllButUnderWay } from './scene.ts';
import { followSpeakers, lapsesIn } from './speaker-process.ts';

const lab = berth.sharedLab();
const name = 'rolled';
const connections = 12;
const watchMs = 3_000;
let prober: Prober;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(probed(name));
  await lab.rolledOut(`daemonset/${name}`);
  prober = await Prober.start(lab, await berth.addressOf(lab, name));
});
after(async () => {
  prober?.close();
  await berth.cleanUp(lab);
  await lab.api.delete('daemonsets', name);
  await berth.installBerth(lab);
});

/** Makes a change while the client sends requests, and checks that none failed, no connection ended and every Pod was replaced. */
async function withoutLoss(t: TestContext, change: () => Promise<unknown>): Promise<void> {
  await prober.peace();
  await prober.openEchoes(connections);
  const before = await pods();
  const holder = prober.holder();
  const logs = followSpeakers(lab);
  const found = await prober.during(async () => {
    await change();
    await berth.rolledOut(lab);
  }, watchMs);
  const { alive, broken } = await prober.echoes();
  const lapses = lapsesIn(await logs());
  if (lapses.has(holder.name)) {
    // The VIP rightly moves then, and the next holder does not know the connections.
    t.diagnostic(`this machine took longer than three seconds to start the speaker of ${holder.name}`);
    servedAllButUnderWay(found, lapses.size);
  } else {
    servedAll(found);
    assert.deepEqual({ alive, broken }, { alive: connections, broken: {} });
  }
  await eventually('no Pod from before the change', async () => {
    const now = await pods();
    assert.deepEqual(
      before.filter((uid) => now.includes(uid)),
      [],
    );
    return true;
  });
}

async function pods(): Promise<readonly string[]> {
  return (await lab.api.list('pods', { namespace: berth.namespace })).map(({ metadata }) => metadata.uid ?? '');
}

test('helm upgrade replaces every Pod; no attempt to connect fails and no connection ends', (t) =>
  withoutLoss(t, () =>
    berth.installBerth(lab, ['controller.podAnnotations.version=two', 'speaker.podAnnotations.version=two']),
  ));

test('helm rollback replaces every Pod; no attempt to connect fails and no connection ends', (t) =>
  withoutLoss(t, () => lab.helm(['rollback', 'berth', '--namespace', berth.namespace])));
