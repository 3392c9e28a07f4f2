/** What breaks, and what must go on meanwhile. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();

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

test('without the API server VIPs are answered, and afterwards the work goes on', async () => {
  const vip = await berth.addressOf(lab, 'one');
  const macs = await berth.answeringMacs(lab, vip);
  await lab.stopApiServer();
  try {
    await lab.client.exec(['ip', 'neigh', 'flush', 'to', vip]);
    assert.deepEqual(await berth.answeringMacs(lab, vip), macs);
    await berth.curl(lab, vip);
  } finally {
    await lab.startApiServer();
  }
  await lab.apply(berth.serviceManifest('two'));
  const second = await eventually('an address', async () => (await berth.ingressOf(lab, 'two')) || undefined, {
    timeoutMs: 60_000,
  });
  await eventually('an answer', () => berth.curl(lab, second), { timeoutMs: 60_000 });
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
});

test('when the leading controller dies without a word, the other one serves', async () => {
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

test('B6 a restart of all speakers moves nothing, and every VIP goes on answering', async () => {
  const vip = await berth.addressOf(lab, 'one');
  const record = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node} {.status.holder.term}'];
  const before = await eventually('a record', async () => (await lab.kubectl(record)).trim() || undefined);
  const macs = await berth.answeringMacs(lab, vip);
  assert.equal(macs.size, 1);
  // What the client's kernel learns, four times a second, while the speakers are replaced one by one.
  const learn = `ip neigh flush to ${vip}; ping -c 1 -W 0.2 ${vip} > /dev/null; ip neigh show to ${vip}; sleep 0.05`;
  const heard = lab.client.exec(['sh', '-c', `for i in $(seq 80); do ${learn}; done`], { timeoutMs: 60_000 });
  await lab.kubectl(['-n', berth.namespace, 'rollout', 'restart', 'daemonset/berth-speaker']);
  await berth.rolledOut(lab);
  const learned = [...(await heard).stdout.matchAll(/lladdr ([0-9a-f:]+)/g)].map((match) => match[1] ?? '');
  assert.ok(learned.length > 60, `${learned.length} of 80 questions were answered`);
  assert.deepEqual(new Set(learned), macs);
  assert.equal((await lab.kubectl(record)).trim(), before);
  await eventually('an answer', () => berth.curl(lab, vip));
});

test('an entry of the ledger that was deleted by hand comes back with the same address', async () => {
  const vip = await berth.addressOf(lab, 'one');
  await lab.kubectl(['delete', 'ipallocation', vip]);
  await eventually('the entry', async () => (await berth.ledgerOf(lab)).includes(vip));
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  await eventually('an answer', () => berth.curl(lab, vip));
});

test('an address that the ledger does not have is not announced, whatever a status says', async () => {
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

test('a Service whose status cannot be written delays no other', async () => {
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
  assert.ok(Date.now() - startedAt < 10_000, 'the others had to wait');
  const reason = 'jsonpath={.status.conditions[?(@.type=="berth.dev/Allocated")].reason}';
  assert.equal(await lab.kubectl(['get', 'service', 'one', '-o', reason]), 'Mine');
});

test('in peace the lead stays where it is', async () => {
  const lease = ['-n', berth.namespace, 'get', 'lease', 'berth-controller', '-o', 'jsonpath={.spec}'];
  const spec = async () =>
    JSON.parse(await lab.kubectl(lease)) as { holderIdentity: string; acquireTime: string; renewTime: string };
  await berth.rolledOut(lab);
  const { holderIdentity } = await eventually('a leader', async () =>
    (await spec()).holderIdentity === '' ? undefined : spec(),
  );
  const seconds = ({ acquireTime, renewTime }: { acquireTime: string; renewTime: string }) =>
    (Date.parse(renewTime) - Date.parse(acquireTime)) / 1000;
  // Longer than the renewal's deadline and the Lease's own time.
  const later = await eventually('renewals for 20 s', async () => (seconds(await spec()) > 20 ? spec() : undefined), {
    timeoutMs: 60_000,
  });
  assert.equal(later.holderIdentity, holderIdentity);
});
