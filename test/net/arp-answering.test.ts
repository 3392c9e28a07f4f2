/** The responder on a real kernel: which ARP frames of another host it answers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { type FrameLab, requestFor, startFrameLab, withVlanTag } from './frame-lab.ts';
import { clientMac, ip, linkName, nodeMac } from './namespaces.ts';
import { isAnsweredBy, isStillAnsweredBy } from './neighbor.ts';

let lab: FrameLab;
const vip = '10.99.1.1';
const last = '10.99.1.99';

before(async () => {
  lab = await startFrameLab();
});
after(() => lab?.close());

/** Asserts that a frame is not answered. */
async function assertNoReply(frame: Uint8Array, from: string): Promise<void> {
  await lab.answer(vip, last);
  await assertSilentAbout(frame, from);
}

/** The same, without a change of the VIPs that are answered now. */
async function assertSilentAbout(frame: Uint8Array, from: string): Promise<void> {
  const { frames } = await lab.cameBack([frame], () => lab.ask(requestFor(last), last));
  assert.deepEqual(
    frames.filter(({ arp }) => arp?.senderIp === from),
    [],
  );
}

/** The reply to a frame that requests the VIP. */
async function answered(frame: Uint8Array) {
  await lab.answer(vip, last);
  return lab.ask(frame, vip);
}

test('a broadcast request for a VIP is answered from the MAC of the link, to the requester alone', async () => {
  assert.deepEqual(await answered(requestFor(vip)), {
    destination: clientMac,
    source: nodeMac,
    operation: 2,
    senderMac: nodeMac,
    senderIp: vip,
    targetMac: clientMac,
    targetIp: '10.99.0.1',
  });
});

test('a padded request of 60 bytes is answered', async () => {
  const padded = new Uint8Array(60);
  padded.set(requestFor(vip));
  assert.equal((await answered(padded)).senderMac, nodeMac);
});

test('a unicast probe of a neighbor entry (NUD) and a probe from 0.0.0.0 (RFC 5227) are answered', async () => {
  assert.equal((await answered(requestFor(vip, { destination: nodeMac, targetMac: nodeMac }))).senderMac, nodeMac);
  const probed = await answered(requestFor(vip, { senderIp: '0.0.0.0' as Ip }));
  assert.deepEqual([probed.senderMac, probed.destination, probed.targetIp], [nodeMac, clientMac, '0.0.0.0']);
});

test('an address that is no VIP is not answered', () => assertNoReply(requestFor('10.99.1.2'), '10.99.1.2'));

test('a frame for another station is not answered, even in promiscuous mode', async () => {
  ip(`-n ${lab.node} link set ${linkName} promisc on`);
  await assertNoReply(requestFor(vip, { destination: '02:00:00:00:00:bb' }), vip);
  ip(`-n ${lab.node} link set ${linkName} promisc off`);
});

test('a frame of another VLAN is not answered into the untagged network', () =>
  assertNoReply(withVlanTag(requestFor(vip), 5), vip));

test('a request with a priority tag (VLAN 0, IEEE 802.1Q) is one of the untagged network', async () => {
  const reply = await lab.ask(withVlanTag(requestFor(vip), 0), vip);
  assert.equal(reply.senderMac, nodeMac);
});

test('a withdrawn VIP is no longer answered', async () => {
  await answered(requestFor(vip));
  await lab.answer(last);
  await assertSilentAbout(requestFor(vip), vip);
});

test('the kernel of another host resolves a VIP and keeps it reachable', async () => {
  await lab.answer(vip);
  await isAnsweredBy(lab.client, vip, nodeMac);
  const { Answered: before = 0 } = await lab.counters();
  await isStillAnsweredBy(lab.client, vip, nodeMac);
  assert.ok(((await lab.counters()).Answered ?? 0) > before);
});

test('a link that vanishes is reported once by name, and the other links are still answered', async () => {
  ip(`-n ${lab.node} link add v1 type veth peer name v1 netns ${lab.client}`);
  ip(`-n ${lab.node} link set v1 up`);
  ip(`-n ${lab.client} link set v1 up`);
  await lab.responder.ask({ do: 'apply', links: { v1: [vip], [linkName]: [vip, last] } }, 'done');
  await lab.ask(requestFor(last), last);
  ip(`-n ${lab.node} link del v1`);
  const failure = await lab.responder.next('linkFailed');
  assert.deepEqual([failure.link, failure.code], ['v1', 'ENETDOWN']);
  assert.equal((await lab.ask(requestFor(last), last)).senderMac, nodeMac);
  assert.equal(lab.responder.said.filter(({ kind }) => kind === 'linkFailed').length, 1);
});
