/** The responder on a real kernel: which Neighbor Solicitations of another host it answers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { NdpFrame } from '../../src/wire/ndp.ts';
import { type CameBack, type FrameLab, solicitationFor, startFrameLab, withVlanTag } from './frame-lab.ts';
import { clientMac, ip, linkName, nodeMac, run, writeSysctl } from './namespaces.ts';
import { isAnsweredBy, isStillAnsweredBy } from './neighbor.ts';
import { soon } from './soon.ts';

let lab: FrameLab;
const vip = 'fd99::c8:1';
const last = 'fd99::c8:63';
const unicast = { destination: nodeMac, destinationIp: vip as Ip };

before(async () => {
  lab = await startFrameLab();
});
after(() => lab?.close());

/** Asserts that none of these frames is answered; gives the received frames and the counters. */
async function assertNoAnswer(frames: readonly Uint8Array[], of: string): Promise<CameBack> {
  await lab.answer(vip, last);
  return await assertSilentAbout(frames, of);
}

/** The same, without a change of the VIPs that are answered now. */
async function assertSilentAbout(frames: readonly Uint8Array[], of: string): Promise<CameBack> {
  const back = await lab.cameBack(frames, () => lab.solicit(solicitationFor(last), last));
  const answers = back.frames.filter(({ ndp }) => ndp?.type === 136 && ndp.target === of);
  assert.deepEqual(answers, []);
  return back;
}

/** The answer to a frame that solicits the VIP. */
async function answered(frame: Uint8Array): Promise<NdpFrame> {
  await lab.answer(vip, last);
  return lab.solicit(frame, vip);
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

test('an address that is no VIP is not answered', async () => {
  await assertNoAnswer([solicitationFor('fd99::c8:2')], 'fd99::c8:2');
});

test('a frame for another station is not answered, even in promiscuous mode', async () => {
  ip(`-n ${lab.node} link set ${linkName} promisc on`);
  await assertNoAnswer([solicitationFor(vip, { destination: '02:00:00:00:00:bb' })], vip);
  ip(`-n ${lab.node} link set ${linkName} promisc off`);
});

test('a frame of another VLAN is not answered into the untagged network', async () => {
  await assertNoAnswer([withVlanTag(solicitationFor(vip), 5)], vip);
});

test('a frame that a router passed on, a wrong checksum and an option of length 0 are not answered, but counted', async () => {
  const changed = (offset: number, value: number) => {
    const frame = solicitationFor(vip);
    frame[offset] = value;
    return frame;
  };
  // The option's length and its first byte are one word: the checksum stays right.
  const empty = changed(79, 0);
  empty[81] = (empty[81] ?? 0) + 1;
  const { more } = await assertNoAnswer([changed(21, 64), changed(56, 0), empty], vip);
  assert.deepEqual([more('OffLink'), more('BadChecksum'), more('Malformed')], [1, 1, 1]);
});

test('another host that advertises our VIP is counted as a foreign claim', async () => {
  const claim = {
    type: 136,
    flags: 0x20,
    sourceIp: vip as Ip,
    destination: '33:33:00:00:00:01',
    destinationIp: 'ff02::1' as Ip,
  };
  const { more } = await assertNoAnswer([solicitationFor(vip, claim)], vip);
  assert.equal(more('ForeignClaim'), 1);
});

test('a withdrawn VIP is no longer answered', async () => {
  await answered(solicitationFor(vip));
  await lab.answer(last);
  await assertSilentAbout([solicitationFor(vip)], vip);
});

test('the kernel of another host resolves a VIP, and keeps it reachable by unicast probes (NUD)', async () => {
  await lab.answer(vip);
  await isAnsweredBy(lab.client, vip, nodeMac);
  const { Answered: before = 0 } = await lab.counters();
  await isStillAnsweredBy(lab.client, vip, nodeMac);
  assert.ok(((await lab.counters()).Answered ?? 0) > before);
});

test('a host that configures the VIP finds out by DAD that it is taken', async () => {
  await lab.answer(vip);
  const seen = lab.seen().length;
  // The client probes at once, and waits for an answer for this long (RFC 4862 section 5.4).
  writeSysctl(lab.client, `net/ipv6/conf/${linkName}/router_solicitation_delay`, '0');
  const waits = (ms: number) => writeSysctl(lab.client, `net/ipv6/neigh/${linkName}/retrans_time_ms`, `${ms}`);
  waits(20_000);
  ip(`-n ${lab.client} address add ${vip}/64 dev ${linkName}`);
  try {
    const address = () => ip(`-n ${lab.client} address show dev ${linkName} to ${vip}`);
    await soon('the address has failed', () => address().includes('dadfailed'));
    waits(100);
    // An unused address works: so it was the answer that made the difference.
    ip(`-n ${lab.client} address add fd99::c8:77/64 dev ${linkName}`);
    const other = () => ip(`-n ${lab.client} address show dev ${linkName} to fd99::c8:77`);
    await soon('the other address works', () => !/tentative|dadfailed/.test(other()));
  } finally {
    waits(1_000);
    for (const own of [vip, 'fd99::c8:77']) ip(`-n ${lab.client} address del ${own}/64 dev ${linkName}`);
  }
  await lab.sync();
  const answers = lab.seen(seen).filter(({ ndp }) => ndp?.type === 136 && ndp.target === vip);
  assert.notEqual(answers.length, 0);
});

/** The ICMPv6 messages that the node's own kernel has sent, by name (/proc/net/snmp6). */
function icmpv6Sent(): string {
  const lines = run(lab.node, 'cat', '/proc/net/snmp6').split('\n');
  // Group reports and router solicitations are sent again and again, whatever happens.
  const others = /^Icmp6Out(?!.*MLD|Msgs|Type143|RouterSolicits|Type133)/;
  return lines.filter((line) => others.test(line)).join('\n');
}

test('the kernel of the node sends nothing about a VIP: no error, no answer of its own', async () => {
  // Until then the kernel probes whether its own addresses are unique.
  await soon('its addresses are known to be unique', () => !ip(`-n ${lab.node} -6 address`).includes('tentative'));
  await answered(solicitationFor(vip));
  const before = icmpv6Sent();
  await answered(solicitationFor(vip, unicast));
  const other = solicitationFor('fd99::c8:2', { ...unicast, destinationIp: 'fd99::c8:2' as Ip });
  await assertNoAnswer([other], 'fd99::c8:2');
  assert.equal(icmpv6Sent(), before);
});
