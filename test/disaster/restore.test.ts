/** etcd is restored to an older revision, without a revision bump, while Berth runs. */
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { ledgerOf } from '../cluster/berth.ts';
import { etcdFolder, startApiServer, startEtcd, stopProgram } from '../lab/control-plane.ts';
import { eventually } from '../lab/poll.ts';
import { Stage } from './stage.ts';

const withinMs = 30_000;
let stage: Stage;

before(async () => {
  stage = await Stage.open('restore');
  await stage.start();
});
after(() => stage.close());

/** Stops the API server and etcd, does something with etcd's data, and starts them again. */
async function whileStopped(act: (data: string) => Promise<void>): Promise<void> {
  await stopProgram(stage.context, 'kube-apiserver');
  await stopProgram(stage.context, 'etcd');
  await act(etcdFolder(stage.context));
  startEtcd(stage.context);
  await startApiServer(stage.context);
}

/** Writes so often that the revision of the cluster passes any that it had before. */
async function writeMuch(): Promise<void> {
  for (let i = 0; i < 300; i++) {
    await stage.lab.apply(`{ apiVersion: v1, kind: ConfigMap, metadata: { name: revision }, data: { i: "${i}" } }`);
  }
}

for (const isBusy of [false, true]) {
  test(`controller and speakers follow a cluster that was restored${isBusy ? ', and goes on at once' : ''}`, async () => {
    const { lab } = stage;
    const name = (service: string) => `${service}${isBusy ? '-busy' : ''}`;
    for (const service of ['stays', 'returns']) await stage.createService(name(service));
    const stays = await stage.served(name('stays'), withinMs);
    const returns = await stage.served(name('returns'), withinMs);
    const backup = `${etcdFolder(stage.context)}-backup`;
    await whileStopped((data) => cp(data, backup, { recursive: true }));
    // After the backup: a Service goes, and another one takes its address; a third one comes.
    await lab.api.delete('services', name('returns'));
    await eventually('its entry is gone', async () => !(await ledgerOf(lab)).includes(returns));
    await stage.createService(name('lost'), `loadBalancerIP: ${returns}`);
    await stage.createService(name('lost-too'));
    assert.equal(await stage.served(name('lost'), withinMs), returns);
    const lostToo = await stage.served(name('lost-too'), withinMs);
    await whileStopped(async (data) => {
      await rm(data, { recursive: true });
      await cp(backup, data, { recursive: true });
    });
    await rm(backup, { recursive: true });
    if (isBusy) await writeMuch();
    await stage.createService(name('later'));
    const later = await stage.served(name('later'), withinMs).catch((error) => assert.fail(`${error}\n${stage.tail}`));
    assert.equal(await stage.served(name('stays'), withinMs), stays);
    assert.equal(await stage.served(name('returns'), withinMs), returns);
    if (later !== lostToo) await stage.silent(lostToo, withinMs);
    // The entries of this run name their Services.
    const entries = await lab.api.list<Entry>('ipallocations');
    const users = entries.flatMap(({ metadata, spec }) => spec.services.map((one) => `${one.name} ${metadata.name}`));
    const expected = [`${name('later')} ${later}`, `${name('returns')} ${returns}`, `${name('stays')} ${stays}`];
    assert.deepEqual(users.filter((user) => user.includes('-busy') === isBusy).sort(), expected.sort());
    for (const service of ['stays', 'returns', 'later']) await lab.api.delete('services', name(service));
    await stage.silent(stays, withinMs);
    await stage.silent(returns, withinMs);
  });
}

interface Entry {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly services: readonly { readonly name: string }[] };
}
