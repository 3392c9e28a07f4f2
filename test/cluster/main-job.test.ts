/** The main job on a real cluster: pool, address, ARP and curl, and the release of the address. */
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { restart } from '../lab/workloads.ts';
import { answeredWithin, atMostTwice } from '../probe/judgement.ts';
import { Prober } from '../probe/prober.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import { conditionIn, type Entry, type ServiceObject } from './objects.ts';
import { logsOf } from './pod-logs.ts';
import { takeover } from './scene.ts';

const lab = berth.sharedLab();
const pool = lab.subnet.vips;
const [firstVip = ''] = pool.split('-');
const offset = (n: number) => firstVip.replace(/\d+$/, (last) => String(Number(last) + n));

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
beforeEach(() => lab.apply(berth.poolManifest('main', pool)));
afterEach(() => berth.cleanUp(lab));

test('a Service gets the lowest free address and answers the client', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  assert.equal(vip, firstVip);
  assert.match(await eventually('an answer', () => berth.curl(lab, vip)), /^web-/);
  const ledger = await lab.kubectl(['get', 'ipallocations']);
  assert.match(ledger, new RegExp(`${vip}\\s+${vip}\\s+main\\s+default\\s+one`));
});

test('exactly one MAC answers ARP for a VIP, and it is the MAC of a node', async () => {
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) await lab.apply(berth.serviceManifest(name));
  for (const name of names) {
    const vip = await berth.addressOf(lab, name);
    await eventually(`curl ${vip}`, () => berth.curl(lab, vip));
    await holderOf(lab, vip);
  }
});

test('a deleted Service gives its address back, and no node answers for it any more', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.curl(lab, vip));
  await holderOf(lab, vip);
  await lab.api.delete('services', 'one');
  await eventually('no answer any more', async () => (await berth.answeringMacs(lab, vip)).size === 0);
  assert.deepEqual(await berth.ledgerOf(lab), []);
});

test('a Service that changes its type loses its address and conditions, and gets the same address again', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.curl(lab, vip));
  await lab.api.patch('services', 'one', { spec: { type: 'ClusterIP' } });
  await eventually('an empty ledger', async () => (await berth.ledgerOf(lab)).length === 0);
  await eventually('no conditions', async () => {
    const { conditions = [] } = (await lab.api.get<ServiceObject>('services', 'one')).status;
    return conditions.length === 0;
  });
  await eventually('no answer any more', async () => (await berth.answeringMacs(lab, vip)).size === 0);
  await lab.api.patch('services', 'one', { spec: { type: 'LoadBalancer' } });
  assert.equal(await berth.addressOf(lab, 'one'), vip);
});

test('a controller restart keeps every address, and writes nothing', async (t) => {
  const since = new Date();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await lab.apply(berth.serviceManifest(name));
  for (const name of names) await berth.addressOf(lab, name);
  await lab.api.delete('services', 'b');
  const state = async () => {
    const all = [...(await lab.api.list('services')), ...(await lab.api.list('ipallocations'))];
    return new Map(all.map((object) => [object.metadata.uid, object]));
  };
  await eventually('the release of b', async () => (await berth.ledgerOf(lab)).length === 4);
  // These are the last writes of the speakers and the controller.
  await eventually('all verified, and the conditions copied to the Services', async () => {
    const entries = await lab.api.list<Entry>('ipallocations');
    const services = (await lab.api.list<ServiceObject>('services')).filter(({ metadata }) =>
      names.includes(metadata.name),
    );
    const isTrue = (type: string) => (object: Entry | ServiceObject) => conditionIn(object, type)?.status === 'True';
    const awaited = [
      ...entries.filter((entry) => !isTrue('Verified')(entry)),
      ...services.filter((service) => !isTrue('berth.dev/Announced')(service)),
    ];
    assert.deepEqual(
      awaited.map(({ metadata: { name }, status }) => ({ name, status })),
      [],
    );
    return true;
  }).catch(async (error: Error) => {
    t.diagnostic(await logsOf(lab, 'controller', since));
    t.diagnostic(await logsOf(lab, 'speaker', since));
    throw error;
  });
  const earlier = await state();
  assert.ok(earlier.size >= 8, `${earlier.size} objects`);
  await restart(lab.api, 'deployment/berth-controller', { namespace: berth.namespace });
  await berth.rolledOut(lab);
  await lab.apply(berth.serviceManifest('late'));
  await berth.addressOf(lab, 'late');
  const later = await state();
  // A written object has another version, and names the manager and the time of the write.
  for (const [uid, object] of earlier) assert.deepEqual(later.get(uid), object);
});

test("the death of the holder's node moves the VIP within half a second", (t) =>
  atMostTwice(t, async () => {
    await lab.apply(berth.serviceManifest('one'));
    const vip = await berth.addressOf(lab, 'one');
    await eventually('an answer', () => berth.curl(lab, vip));
    const prober = await Prober.start(lab, vip);
    const { holder, others } = await eventually('a holder', () => {
      const now = prober.holder();
      return { holder: now, others: lab.nodes.filter((node) => node !== now).map(({ mac }) => mac) };
    });
    try {
      const found = await prober.during(async () => {
        await lab.killNode(holder);
        await eventually('another holder', () => prober.holder() !== holder, { everyMs: 20 });
      }, 500);
      assert.deepEqual(found.macs.slice(0, 1), [holder.mac]);
      assert.equal(found.macs.length, 2, `${found.macs}`);
      assert.ok(others.includes(found.macs[1] ?? ''), `${found.macs}`);
      assert.equal(found.twoMacsMs, 0, 'two holders');
      // The new holder knows that the dead node's backend cannot answer: it notices the speaker's silence long before Kubernetes does.
      await eventually('curl through the new holder', () => berth.curl(lab, vip), { timeoutMs: 10_000 });
      answeredWithin(takeover, found);
    } finally {
      prober.close();
      await lab.startNode(holder);
      await berth.nodeIsReady(lab, holder);
      await berth.rolledOut(lab);
      await lab.rolledOut('deployment/web');
    }
  }));

test('Services of other types and classes are left alone', async () => {
  await lab.apply(berth.serviceManifest('other', 'loadBalancerClass: example.com/other'));
  const plain = (name: string, spec: string) =>
    `{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { ${spec} } }`;
  await lab.apply(plain('internal', 'type: ClusterIP, selector: { app: internal }, ports: [{ port: 80 }]'));
  await lab.apply(plain('port', 'type: NodePort, selector: { app: port }, ports: [{ port: 80 }]'));
  await lab.apply(plain('name', 'type: ExternalName, externalName: example.com'));
  const names = ['other', 'internal', 'port', 'name'];
  const versions = () =>
    Promise.all(
      names.map(async (name) => {
        const { metadata, status } = await lab.api.get<ServiceObject>('services', name);
        return { version: metadata.resourceVersion, status };
      }),
    );
  const earlier = await versions();
  // Served after them, so the controller has seen them all by then.
  await lab.apply(berth.serviceManifest('ours', 'loadBalancerClass: berth.dev/berth'));
  await berth.addressOf(lab, 'ours');
  assert.deepEqual(await versions(), earlier);
  const entries = await lab.api.list<Entry>('ipallocations');
  assert.deepEqual(
    entries.flatMap(({ spec }) => spec.services ?? []).map(({ name }) => name),
    ['ours'],
  );
});

test('an exhausted pool leaves a Service pending with an Event, and the next released address goes to it', async () => {
  await lab.api.delete('ipaddresspools', 'main');
  await lab.apply(berth.poolManifest('small', `${firstVip}-${offset(1)}`));
  for (const name of ['a', 'b']) await lab.apply(berth.serviceManifest(name));
  for (const name of ['a', 'b']) await berth.addressOf(lab, name);
  await lab.apply(berth.serviceManifest('waits'));
  await eventually('an Event', async () =>
    (await berth.eventsOf(lab, 'Service', 'waits')).includes('PoolExhausted: no free IPv4 address in pool small'),
  );
  assert.equal(await berth.ingressOf(lab, 'waits'), '');
  await lab.api.delete('services', 'a');
  const vip = await berth.addressOf(lab, 'waits');
  assert.equal(vip, firstVip);
  await eventually('an answer', () => berth.curl(lab, vip));
});

test('a Service gets another address when it requests one, and no node answers for the former address', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await lab.apply(berth.serviceManifest('one', '', `berth.dev/loadBalancerIPs: ${offset(7)}`));
  await eventually('the other address', async () => (await berth.ingressOf(lab, 'one')) === offset(7));
  await eventually('an answer', () => berth.curl(lab, offset(7)));
  await eventually('no answer any more', async () => (await berth.answeringMacs(lab, vip)).size === 0);
});

test('externalTrafficPolicy Local: the holder has a backend, and the backend sees the client', async () => {
  await lab.apply(berth.serviceManifest('local', 'externalTrafficPolicy: Local'));
  const vip = await berth.addressOf(lab, 'local');
  const seen = await eventually('an answer', () => berth.curl(lab, vip, '/clientip'));
  assert.equal(seen.replace(/:\d+$/, ''), lab.client.ip);
});
