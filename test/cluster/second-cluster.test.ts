/** A second cluster: it restores the ledger of the first one, and runs beside it on the same link. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { downLab, eventually, type Lab, upLab } from '../lab/cluster.ts';
import { namespacePrefix } from '../lab/plan.ts';
import { mustRun } from '../lab/run.ts';
import * as berth from './berth.ts';
import { conditionIn, type Entry, type ServiceObject } from './objects.ts';
import { speakerLogs } from './speaker-process.ts';

const first = berth.sharedLab();
const secondId = `${first.id.slice(0, 10)}second`;
let second: Lab;

before(async () => {
  await berth.installBerth(first);
  await first.apply(berth.backends);
  second = await upLab({ id: secondId, nodes: 2 });
  await second.importBerth();
});
after(async () => {
  try {
    await downLab(secondId);
  } finally {
    await berth.cleanUp(first);
  }
});

/** The addresses of Services by name. */
async function addressesIn(lab: Lab): Promise<Readonly<Record<string, string>>> {
  const services = await lab.api.list<ServiceObject>('services', { labelSelector: '!provider' });
  return Object.fromEntries(
    services.map(({ metadata, status }) => [
      metadata.name,
      (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(' '),
    ]),
  );
}

const berthObjects = 'ipaddresspools,l2advertisements,ipallocations';

test('a saved ledger gives every Service its address in a new cluster', async () => {
  await first.apply(berth.poolManifest('main', first.subnet.vips, first.subnet.vipsIpv6));
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await first.apply(berth.serviceManifest(name, 'ipFamilyPolicy: PreferDualStack'));
  for (const name of names) await berth.addressOf(first, name);
  // The remaining addresses have gaps, so a fresh allocation would give other ones.
  for (const name of ['a', 'c']) await first.api.delete('services', name);
  await eventually('the ledger without their entries', async () => (await berth.ledgerOf(first)).length === 8);
  await first.apply(berth.serviceManifest('g'));
  await berth.addressOf(first, 'g');
  const before = await addressesIn(first);
  assert.deepEqual(Object.keys(before).sort(), ['b', 'd', 'e', 'f', 'g']);

  // docs/operations.md: Berth's objects first, then the Services, then Berth itself.
  const objects = await first.kubectl(['get', berthObjects, '-o', 'yaml']);
  for (const crd of ['ipaddresspools', 'ipallocations', 'l2advertisements']) {
    await second.kubectl(['apply', '-f', new URL(`../../crds/berth.dev_${crd}.yaml`, import.meta.url).pathname]);
  }
  await second.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
  await second.kubectl(['create', '-f', '-'], { input: objects });
  for (const name of ['g', 'f', 'e', 'd', 'b']) {
    const policy = name === 'g' ? '' : 'ipFamilyPolicy: PreferDualStack';
    await second.apply(berth.serviceManifest(name, policy));
  }
  await berth.installBerth(second);
  await eventually('the same addresses', async () => {
    assert.deepEqual(await addressesIn(second), before);
    return true;
  });
  assert.deepEqual([...(await berth.ledgerOf(second))].sort(), [...(await berth.ledgerOf(first))].sort());
  await berth.cleanUp(first);
  await berth.cleanUp(second);
});

test('two clusters on one link, with the same node names, do not disturb each other', async (t) => {
  await join(first, second);
  t.after(() => separate(first));
  const began = new Date();
  const [own, theirs] = rangesOf(first);
  // The nodes of the second cluster have addresses in the first one's subnet, too.
  for (const [i, { namespace, link }] of second.nodes.entries()) {
    const address = first.nodes[0]?.ip.replace(/\d+\.\d+$/, `100.${i + 11}`);
    await mustRun(['ip', '-n', namespace, 'address', 'add', `${address}/16`, 'dev', link]);
  }
  await second.apply(berth.backends);
  for (const lab of [first, second]) {
    await lab.rolledOut('deployment/web');
  }
  await first.apply(berth.poolManifest('main', own));
  await second.apply(berth.poolManifest('main', theirs));
  for (const lab of [first, second]) await lab.apply(berth.serviceManifest('one'));
  const [here, there] = [await berth.addressOf(first, 'one'), await berth.addressOf(second, 'one')];
  assert.notEqual(here, there);
  const macsOf = ({ nodes }: Lab) => nodes.map(({ mac }) => mac);
  for (const [vip, lab] of [
    [here, first],
    [there, second],
  ] as const) {
    await eventually(`an answer from ${vip}`, () => berth.get(first, vip));
    const answering = [...(await berth.macsOf(first, vip))];
    assert.equal(answering.length, 1, `${vip}: ${answering}`);
    assert.ok(macsOf(lab).includes(answering[0] ?? ''), `${answering} answers for ${vip}`);
  }
  // No speaker counts a speaker of the other cluster as a peer, or loses a peer.
  for (const lab of [first, second]) {
    const logs = await speakerLogs(lab, began);
    assert.doesNotMatch(logs, /peer is dead/);
    assert.doesNotMatch(logs, /HolderStillAnswers|LivenessBlocked/);
  }

  // An address that the other cluster uses is detected before it is announced, and left alone.
  await second.api.delete('services', 'one');
  await second.apply(berth.poolManifest('main', own));
  await second.apply(berth.serviceManifest('two', `loadBalancerIP: ${here}`));
  await eventually('the conflict', async () => {
    const entries = await second.api.list<Entry>('ipallocations');
    return entries.some((entry) => conditionIn(entry, 'Conflict')?.reason === 'AddressTaken');
  });
  const [mac, ...more] = await berth.macsOf(first, here);
  assert.deepEqual(more, []);
  assert.ok(macsOf(first).includes(mac ?? ''));
  await berth.get(first, here);
});

/** Two ranges of a cluster's subnet. */
function rangesOf({ subnet }: Lab): readonly [string, string] {
  const [start = ''] = subnet.vips.split('-');
  const prefix = start.replace(/\d+$/, '');
  return [`${prefix}1-${prefix}9`, `${prefix}101-${prefix}109`];
}

const bridge = 'br0';
const cable = 'to-second';

/** Connects the switches of two clusters by a cable. */
async function join(one: Lab, other: Lab): Promise<void> {
  const [here, there] = [one, other].map(({ id }) => `${namespacePrefix(id)}bridge`) as [string, string];
  await mustRun(['ip', '-n', here, 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'to-first', 'netns', there]);
  await mustRun(['ip', '-n', here, 'link', 'set', cable, 'master', bridge, 'up']);
  await mustRun(['ip', '-n', there, 'link', 'set', 'to-first', 'master', bridge, 'up']);
}

async function separate({ id }: Lab): Promise<void> {
  await mustRun(['ip', '-n', `${namespacePrefix(id)}bridge`, 'link', 'del', cable]);
}
