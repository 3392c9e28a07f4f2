/** Faults, and the work that must continue during each of them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { probed } from '../probe/backend.ts';
import * as berth from './berth.ts';
import { holderOf, loggedAbout } from './holder.ts';
import { Scene, servedAll } from './scene.ts';
import { followSpeakers, lapsesIn } from './speaker-process.ts';

const lab = berth.sharedLab();
const backends = 'restarts';

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
});
beforeEach(async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.curl(lab, vip));
});
afterEach(() => berth.cleanUp(lab));
after(() => lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']));

test('without the API server VIPs are answered, and afterwards new Services are served', async () => {
  const since = new Date();
  const vip = await berth.addressOf(lab, 'one');
  const holder = await holderOf(lab, vip);
  await lab.stopApiServer();
  let answering: ReadonlySet<string>;
  try {
    await lab.client.exec(['ip', 'neigh', 'flush', 'to', vip]);
    answering = await berth.answeringMacs(lab, vip);
    await berth.curl(lab, vip);
  } finally {
    await lab.startApiServer();
  }
  assert.deepEqual([...answering], [holder.mac], await loggedAbout(lab, vip, since));
  await lab.apply(berth.serviceManifest('two'));
  const second = await eventually('an address', async () => (await berth.ingressOf(lab, 'two')) || undefined, {
    timeoutMs: 60_000,
  });
  await eventually('an answer', () => berth.curl(lab, second), { timeoutMs: 60_000 });
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
});

test('when the leading controller is killed, the other one gives out addresses', async () => {
  const holder = await lab.kubectl([
    '-n',
    berth.namespace,
    'get',
    'lease',
    'berth-controller',
    '-o',
    'jsonpath={.spec.holderIdentity}',
  ]);
  const [pod = ''] = holder.split('_');
  await lab.kubectl(['-n', berth.namespace, 'delete', 'pod', pod, '--force', '--grace-period=0']);
  await lab.apply(berth.serviceManifest('two'));
  await eventually('an address', async () => (await berth.ingressOf(lab, 'two')) !== '', { timeoutMs: 60_000 });
  await berth.rolledOut(lab);
});

test('a restart of all speakers moves no VIP, and the VIP answers all the time', async (t) => {
  await lab.apply(probed(backends));
  t.after(() => lab.kubectl(['delete', 'daemonset,service', backends, '--ignore-not-found']));
  await lab.kubectl(['rollout', 'status', `daemonset/${backends}`, '--timeout=90s']);
  const pods = ['-n', berth.namespace, 'get', 'pods', '--selector', 'app.kubernetes.io/component=speaker'];
  const names = async () => (await lab.kubectl([...pods, '-o', 'name'])).split('\n').filter((line) => line !== '');
  await Scene.play(t, { lab, backends }, async (scene) => {
    const { prober, vip } = scene;
    const record = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node} {.status.holder.term}'];
    const recorded = async () => (await lab.kubectl(record)).trim();
    const before = await eventually('a holder in the ledger', async () => (await recorded()) || undefined);
    const earlier = await names();
    const logs = followSpeakers(lab);
    const found = await prober.during(async () => {
      await lab.kubectl(['-n', berth.namespace, 'rollout', 'restart', 'daemonset/berth-speaker']);
      await berth.rolledOut(lab);
    }, 500);
    const stayed = (await names()).filter((name) => earlier.includes(name));
    assert.deepEqual(stayed, [], 'not every speaker was replaced');
    const lapses = lapsesIn(await logs());
    if (lapses.size === 0) {
      scene.stayed(found);
      servedAll(found);
      assert.equal(await recorded(), before);
      return;
    }
    t.diagnostic(`this machine took longer than three seconds to start the speakers of ${[...lapses.keys()]}`);
    assert.ok(found.macs.length <= 1 + lapses.size, `${found.macs}`);
    scene.neverSilent(found);
  });
});

test('a ledger entry that is deleted by hand is created again with the same address', async () => {
  const vip = await berth.addressOf(lab, 'one');
  await lab.kubectl(['delete', 'ipallocation', vip]);
  await eventually('the entry', async () => (await berth.ledgerOf(lab)).includes(vip));
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  await eventually('an answer', () => berth.curl(lab, vip));
});

test('an address without a ledger entry is not announced, even if a status shows it', async () => {
  const [, last = ''] = lab.subnet.vips.split('-');
  await lab.apply(berth.serviceManifest('injected', 'loadBalancerClass: example.com/other'));
  const status = `{"status":{"loadBalancer":{"ingress":[{"ip":"${last}"}]}}}`;
  await lab.kubectl(['patch', 'service', 'injected', '--subresource=status', '--type=merge', '-p', status]);
  // Allocated and announced after the injection, so the speakers have seen it by then.
  await lab.apply(berth.serviceManifest('two'));
  const second = await berth.addressOf(lab, 'two');
  await eventually('an answer', () => berth.curl(lab, second));
  assert.deepEqual(await berth.answeringMacs(lab, last), new Set());
});

test('a Service whose status cannot be written delays no other Service', async () => {
  const condition = {
    type: 'berth.dev/Allocated',
    status: 'Unknown',
    reason: 'Mine',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const mine = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'one' }, status: { conditions: [condition] } };
  const apply = [
    'apply',
    '--server-side',
    '--force-conflicts',
    '--field-manager=somebody',
    '--subresource=status',
    '--filename',
    '-',
  ];
  await lab.kubectl(apply, { input: JSON.stringify(mine) });
  const startedAt = Date.now();
  for (const name of ['two', 'three', 'four']) {
    await lab.apply(berth.serviceManifest(name));
    await berth.addressOf(lab, name);
  }
  assert.ok(Date.now() - startedAt < 10_000, 'the other Services had to wait');
  const reason = 'jsonpath={.status.conditions[?(@.type=="berth.dev/Allocated")].reason}';
  assert.equal(await lab.kubectl(['get', 'service', 'one', '-o', reason]), 'Mine');
});
