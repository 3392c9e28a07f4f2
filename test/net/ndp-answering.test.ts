/** The responder on a real kernel: which Neighbor Solicitations of another host it answers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { NdpFrame } from '../../src/wire/ndp.ts';
import { eventually } from '../lab/poll.ts';
import { type FrameLab, solicitationFor, startFrameLab, withVlanTag } from './frame-lab.ts';
import { clientMac, ip, linkName, nodeMac } from './namespaces.ts';

let lab: FrameLab;
const vip = 'fd99::c8:1';
const last = 'fd99::c8:63';
const unicast = { destination: nodeMac, destinationIp: vip as Ip };

before(async () => {
  lab = await startFrameLab();
});
after(() => lab?.close());

/** The advertisements of an address among the lines said since. */
function advertisementsSince(seen: number, of: string): readonly unknown[] {
  const frames = lab.raw.said.slice(seen).map(({ ndp }) => ndp as NdpFrame | undefined);
  return frames.filter((frame) => frame?.type === 136 && frame.target === of);
}

/**
 * Sends a frame that nothing may answer, then a solicitation that is answered: frames of one link are answered in order,
 * so when that advertisement is here and no other, there was no answer.
 */
async function assertNoAnswer(frame: Uint8Array, of: string): Promise<void> {
  await lab.answer(vip, last);
  const seen = lab.raw.said.length;
  await lab.send(frame);
  await lab.send(solicitationFor(last));
  await lab.advertisementOf(last);
  assert.deepEqual(advertisementsSince(seen, of), []);
}

/** The answer to a frame that asks for the VIP. */
async function answered(frame: Uint8Array): Promise<NdpFrame> {
  await lab.answer(vip, last);
  await lab.send(frame);
  return lab.advertisementOf(vip);
}

const answer: NdpFrame = {
  destination: clientMac,
  source: nodeMac,
  sourceIp: vip as Ip,
  destinationIp: 'fd99::1' as Ip,
  type: 136,
  flags: 0x60,
  target: vip as Ip,
  linkAddress: nodeMac,
};

test('a multicast solicitation for a VIP is answered from the MAC of the link, to the sender alone', async () => {
  assert.deepEqual(await answered(solicitationFor(vip)), answer);
});

test('unicast solicitations (NUD), with and without link-layer address, are answered', async () => {
  assert.deepEqual(await answered(solicitationFor(vip, unicast)), answer);
  assert.deepEqual(await answered(solicitationFor(vip, { ...unicast, linkAddress: undefined })), answer);
});

test('a probe for a duplicate (DAD) is answered to all nodes', async () => {
  const probe = solicitationFor(vip, { sourceIp: '::' as Ip, linkAddress: undefined });
  const toAll = { destination: '33:33:00:00:00:01', destinationIp: 'ff02::1' as Ip, flags: 0x20 };
  assert.deepEqual(await answered(probe), { ...answer, ...toAll });
});

test('an address that is no VIP is not answered', () => assertNoAnswer(solicitationFor('fd99::c8:2'), 'fd99::c8:2'));

test('a frame for another station is not answered, even in promiscuous mode', async () => {
  ip(`-n ${lab.node} link set ${linkName} promisc on`);
  await assertNoAnswer(solicitationFor(vip, { destination: '02:00:00:00:00:bb' }), vip);
  ip(`-n ${lab.node} link set ${linkName} promisc off`);
});

test('a frame of another VLAN is not answered into the untagged network (hazard C4)', () =>
  assertNoAnswer(withVlanTag(solicitationFor(vip), 5), vip));

test('a frame that a router passed on, a wrong checksum and an option of length 0 are not answered, but counted', async () => {
  const before = await lab.counters();
  const changed = (offset: number, value: number) => {
    const frame = solicitationFor(vip);
    frame[offset] = value;
    return frame;
  };
  await assertNoAnswer(changed(21, 64), vip);
  await assertNoAnswer(changed(56, 0), vip);
  // The length of the option and its first byte are one word: the checksum stays right.
  const empty = changed(79, 0);
  empty[81] = (empty[81] ?? 0) + 1;
  await assertNoAnswer(empty, vip);
  const after = await lab.counters();
  const more = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
  assert.deepEqual([more('OffLink'), more('BadChecksum'), more('Malformed')], [1, 1, 1]);
});

test('another host that advertises our VIP is counted as a foreign claim', async () => {
  const before = await lab.counters();
  const claim = {
    type: 136,
    flags: 0x20,
    sourceIp: vip as Ip,
    destination: '33:33:00:00:00:01',
    destinationIp: 'ff02::1' as Ip,
  };
  await assertNoAnswer(solicitationFor(vip, claim), vip);
  assert.equal((await lab.counters()).ForeignClaim, (before.ForeignClaim ?? 0) + 1);
});

test('a withdrawn VIP is not answered any more', async () => {
  await answered(solicitationFor(vip));
  await lab.answer(last);
  const seen = lab.raw.said.length;
  await lab.send(solicitationFor(vip));
  await lab.send(solicitationFor(last));
  await lab.advertisementOf(last);
  assert.deepEqual(advertisementsSince(seen, vip), []);
});

const entryOf = (address: string) => ip(`-n ${lab.client} neigh show ${address}`);

test('the kernel of another host resolves a VIP, and keeps it reachable by unicast probes (NUD)', async () => {
  await lab.answer(vip);
  ip(`-n ${lab.client} neigh replace ${vip} dev ${linkName} use`);
  await eventually('the kernel has resolved the VIP', () => entryOf(vip).includes(`${nodeMac} REACHABLE`));
  const { Answered: before = 0 } = await lab.counters();
  ip(`-n ${lab.client} neigh replace ${vip} lladdr ${nodeMac} dev ${linkName} nud probe`);
  await eventually('the entry is reachable again', () => entryOf(vip).includes(`${nodeMac} REACHABLE`));
  assert.ok(((await lab.counters()).Answered ?? 0) > before);
});

test('a host that gives itself the VIP finds that it is taken (DAD)', async () => {
  await lab.answer(vip);
  const seen = lab.raw.said.length;
  ip(`-n ${lab.client} address add ${vip}/64 dev ${linkName}`);
  try {
    const address = () => ip(`-n ${lab.client} address show dev ${linkName} to ${vip}`);
    await eventually('the address has failed', () => address().includes('dadfailed'));
    // Another address, which nobody has, is well: it was the answer that made the difference.
    ip(`-n ${lab.client} address add fd99::c8:77/64 dev ${linkName}`);
    const other = () => ip(`-n ${lab.client} address show dev ${linkName} to fd99::c8:77`);
    await eventually('the other address is well', () => !/tentative|dadfailed/.test(other()));
  } finally {
    for (const own of [vip, 'fd99::c8:77']) ip(`-n ${lab.client} address del ${own}/64 dev ${linkName}`);
  }
  assert.notEqual(advertisementsSince(seen, vip).length, 0);
});

/** Messages of ICMPv6 that the node's own kernel has sent, by name (/proc/net/snmp6). */
function icmpv6Sent(): string {
  const words = ['netns', 'exec', lab.node, 'cat', '/proc/net/snmp6'];
  const lines = execFileSync('ip', words, { encoding: 'utf8' }).split('\n');
  // Reports of its groups are sent again and again, whatever happens.
  return lines.filter((line) => /^Icmp6Out(?!.*MLD|Msgs|Type143)/.test(line)).join('\n');
}

test('the kernel of the node says nothing about a VIP: no error, no answer of its own', async () => {
  await answered(solicitationFor(vip));
  const before = icmpv6Sent();
  await answered(solicitationFor(vip, unicast));
  await assertNoAnswer(solicitationFor('fd99::c8:2', { ...unicast, destinationIp: 'fd99::c8:2' as Ip }), 'fd99::c8:2');
  assert.equal(icmpv6Sent(), before);
});
