/** Hand-off `NodePort`: its traffic depends on the rules of Berth, so these must survive restarts, moves and other programs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { restart } from '../lab/workloads.ts';
import { probed } from '../probe/backend.ts';
import { Prober } from '../probe/prober.ts';
import * as berth from './berth.ts';
import { nft } from './nftables.ts';
import type { ServiceObject } from './objects.ts';

const lab = berth.sharedLab();
const name = 'handed';
const connections = 12;
let prober: Prober;
let vip: string;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(probed(name));
  await lab.api.patch('services', name, { metadata: { annotations: { 'berth.dev/hand-off': 'NodePort' } } });
  await lab.rolledOut(`daemonset/${name}`);
  vip = await berth.addressOf(lab, name);
  const mode = async () =>
    (await lab.api.get<ServiceObject>('services', name)).status.loadBalancer?.ingress?.[0]?.ipMode;
  await eventually('ipMode Proxy', async () => (await mode()) === 'Proxy');
  prober = await Prober.start(lab, vip);
  await prober.peace();
});
after(async () => {
  prober?.close();
  await berth.cleanUp(lab);
  await lab.api.delete('daemonsets', name);
});

test('a restart of all speakers, one after the other, loses no rule, and connections stay open', async () => {
  await prober.openEchoes(connections);
  await restart(lab.api, 'daemonset/berth-speaker', { namespace: berth.namespace });
  await berth.rolledOut(lab);
  const { alive, broken } = await prober.echoes();
  assert.deepEqual({ alive, broken }, { alive: connections, broken: {} });
});

test('connections survive a planned move of their VIP', async () => {
  await prober.openEchoes(connections);
  const before = prober.holder();
  const drain = (value: string | null) =>
    lab.api.patch('nodes', before.name, { metadata: { annotations: { 'berth.dev/drain': value } } });
  await drain('true');
  try {
    await eventually('another holder', () => prober.holder().name !== before.name, { timeoutMs: 20_000 });
    await prober.peace();
    const { alive, broken } = await prober.echoes();
    assert.deepEqual({ alive, broken }, { alive: connections, broken: {} });
  } finally {
    await drain(null);
  }
});

test('rules that another program deletes are loaded again within ten seconds', async () => {
  const holder = prober.holder();
  const element = ['get', 'element', 'ip', 'berth', 'tcp_to', `{ ${vip} . 80 }`];
  const ours = /"family": "ip", "name": "berth", "handle": (\d+)/;
  const handle = async () => ours.exec(await nft(holder, ['-j', 'list', 'tables']))?.[1];
  const before = await handle();
  assert.ok(before);
  await nft(holder, element);
  await nft(holder, ['delete', 'table', 'ip', 'berth']);
  await eventually('the rules of Berth', () => nft(holder, element), { timeoutMs: 10_000 });
  assert.notEqual(await handle(), before, 'the table was not deleted');
  await eventually('an answer', () => berth.get(lab, vip), { timeoutMs: 5_000 });
  await prober.peace();
});
