/** Which Neighbor Solicitations are answered, and why other frames are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { dropReasons } from '../../../src/neighbor/frame-outcomes.ts';
import { respondToNdp } from '../../../src/neighbor/ndp-responder.ts';
import { macBytes } from '../../../src/wire/ethernet.ts';
import { packIpv6 } from '../../../src/wire/ipv6-set.ts';
import { checkNdp, decodeNdp, encodeNdp, type NdpFrame, ndpFrameLength } from '../../../src/wire/ndp.ts';
import { fc } from '../../property.ts';
import { fuzzRuns } from '../fuzz.ts';
import { nearlyNdp, refreshed } from '../wire/ndp-frames.ts';

const ourMac = '02:00:00:00:00:aa';
const clientMac = '02:00:00:00:00:01';
const otherMac = '02:00:00:00:00:02';
const client = 'fd99::1' as Ip;
const vip = 'fd99::c8:2' as Ip;
/** Has the same last bytes as the VIP: both have the same solicited-node group. */
const twin = 'fd99::aa:0:c8:2' as Ip;
/** One of the targets of the generated frames. */
const generated = 'fd99::2' as Ip;
/** Held by a restarting node. */
const stoodIn = 'fd88::7:9:c8:3' as Ip;
const { set, order } = packIpv6([vip, twin, generated, stoodIn]);
const macs = order.map((position) => (position === 3 ? otherMac : ourMac));
const link = { mac: macBytes(ourMac), vips: set, macs: Uint8Array.from(macs.flatMap((mac) => [...macBytes(mac)])) };

const request: NdpFrame = {
  destination: '33:33:ff:c8:00:02',
  source: clientMac,
  sourceIp: client,
  destinationIp: 'ff02::1:ffc8:2' as Ip,
  type: 135,
  flags: 0,
  target: vip,
  linkAddress: clientMac,
};
const reply: NdpFrame = {
  destination: clientMac,
  source: ourMac,
  sourceIp: vip,
  destinationIp: client,
  type: 136,
  flags: 0x60,
  target: vip,
  linkAddress: ourMac,
};
/** Duplicate address detection (RFC 4862 section 5.4.2). */
const probe = { sourceIp: '::' as Ip, linkAddress: undefined };

function exchange(frame: Uint8Array) {
  return { request: frame, length: frame.length, reply: new Uint8Array(ndpFrameLength) };
}

function answerTo(change: Partial<NdpFrame>) {
  const slot = exchange(encodeNdp({ ...request, ...change }));
  return { verdict: respondToNdp(link, slot), reply: decodeNdp(slot.reply) };
}

const unicast = { destination: ourMac, destinationIp: vip };
const answered: readonly { desc: string; change: Partial<NdpFrame>; differs: Partial<NdpFrame> }[] = [
  { desc: 'a multicast solicitation', change: {}, differs: {} },
  {
    desc: 'a solicitation from a link-local address',
    change: { sourceIp: 'fe80::1' as Ip },
    differs: { destinationIp: 'fe80::1' as Ip },
  },
  { desc: 'a solicitation without link-layer address', change: { linkAddress: undefined }, differs: {} },
  {
    desc: 'a solicitation whose link-layer address is not the source of its frame',
    change: { linkAddress: otherMac },
    differs: { destination: otherMac },
  },
  { desc: 'a unicast probe of a neighbor (NUD)', change: unicast, differs: {} },
  { desc: 'a unicast probe without link-layer address', change: { ...unicast, linkAddress: undefined }, differs: {} },
  { desc: 'a multicast that a switch delivered as unicast', change: { destination: ourMac }, differs: {} },
  {
    desc: 'a solicitation to all nodes',
    change: { destination: '33:33:00:00:00:01', destinationIp: 'ff02::1' as Ip },
    differs: {},
  },
  {
    desc: 'a solicitation for another VIP of the same group',
    change: { target: twin },
    differs: { target: twin, sourceIp: twin },
  },
  {
    desc: 'a solicitation for a VIP of a restarting node (with the hardware address of that node)',
    change: { destination: '33:33:ff:c8:00:03', target: stoodIn },
    differs: { target: stoodIn, sourceIp: stoodIn, linkAddress: otherMac },
  },
  {
    desc: 'a probe for a duplicate (DAD), with a reply to all nodes,',
    change: probe,
    differs: { destination: '33:33:00:00:00:01', destinationIp: 'ff02::1' as Ip, flags: 0x20 },
  },
];

for (const { desc, change, differs } of answered) {
  test(`${desc} is answered from the address of the link`, () => {
    const { verdict, reply: actual } = answerTo(change);
    assert.equal(verdict, 'Answered');
    assert.deepEqual(actual, { ...reply, ...differs });
  });
}

const toAll = { destination: '33:33:00:00:00:01', destinationIp: 'ff02::1' as Ip };
const claim = { ...toAll, type: 136, flags: 0x20, sourceIp: vip, linkAddress: otherMac, source: otherMac };
const silent: readonly { desc: string; change: Partial<NdpFrame>; reason: string }[] = [
  { desc: 'an address that is no VIP', change: { target: 'fd99:1::c8:2' as Ip }, reason: 'NotOurVip' },
  {
    desc: 'a probe (DAD) for an address that is no VIP',
    change: { ...probe, target: 'fd99:1::c8:2' as Ip },
    reason: 'NotOurVip',
  },
  { desc: 'an advertisement', change: { type: 136, flags: 0x60, target: client, ...unicast }, reason: 'NotRequest' },
  { desc: 'a unicast frame for another station', change: { destination: '02:00:00:00:00:bb' }, reason: 'NotForUs' },
  { desc: 'the group of another address', change: { destination: '33:33:ff:c8:00:03' }, reason: 'NotForUs' },
  { desc: 'another multicast', change: { destination: '33:33:00:c8:00:02' }, reason: 'NotForUs' },
  { desc: 'a broadcast', change: { destination: 'ff:ff:ff:ff:ff:ff' }, reason: 'NotForUs' },
  { desc: 'our own frame, looped back', change: { source: ourMac }, reason: 'FromSelf' },
  { desc: 'our own solicitation, passed on by a repeater', change: { linkAddress: ourMac }, reason: 'FromSelf' },
  {
    desc: 'our own advertisement, looped back',
    change: { ...claim, source: ourMac, linkAddress: ourMac },
    reason: 'FromSelf',
  },
  { desc: 'an unsolicited advertisement of our VIP', change: claim, reason: 'ForeignClaim' },
  { desc: 'a claim of a link-local address', change: { ...claim, sourceIp: 'fe80::2' as Ip }, reason: 'ForeignClaim' },
  { desc: 'a claim without link-layer address', change: { ...claim, linkAddress: undefined }, reason: 'ForeignClaim' },
  {
    desc: 'a solicited advertisement of our VIP to us',
    change: { ...claim, ...unicast, flags: 0x60 },
    reason: 'ForeignClaim',
  },
  { desc: 'a solicitation of another host from our VIP', change: { sourceIp: twin }, reason: 'ForeignClaim' },
  { desc: 'a group as link-layer address', change: { linkAddress: '33:33:00:00:00:01' }, reason: 'SenderNotStation' },
  { desc: 'zero as link-layer address', change: { linkAddress: '00:00:00:00:00:00' }, reason: 'SenderNotStation' },
  {
    desc: 'a group as Ethernet source',
    change: { linkAddress: undefined, source: '33:33:00:00:00:01' },
    reason: 'SenderNotStation',
  },
];

for (const { desc, change, reason } of silent) {
  test(`${desc} is ${reason}`, () => assert.equal(answerTo(change).verdict, reason));
}

test("a frame that is no solicitation has the decoder's reason (a VLAN tag)", () => {
  const tagged = encodeNdp(request);
  tagged.set([0x81, 0x00], 12);
  assert.equal(respondToNdp(link, exchange(tagged)), 'VlanTagged');
  assert.equal(respondToNdp(link, exchange(new Uint8Array(5))), 'Runt');
});

/**
 * A solicitation that gets an answer except for at most four changed bytes, with a correct checksum
 * or not.
 */
const nearlyAnswered = fc
  .record({
    change: fc.constantFrom<Partial<NdpFrame>>({}, probe, unicast, claim),
    bytes: fc.array(fc.record({ at: fc.nat(85), value: fc.nat(255) }), { maxLength: 4 }),
    right: fc.boolean(),
  })
  .map(({ change, bytes, right }) => {
    const frame = encodeNdp({ ...request, ...change });
    for (const { at, value } of bytes) frame[at] = value;
    return right ? refreshed(frame) : frame;
  });

test('every frame has a verdict; an answer is well-formed, and nothing else is written', () => {
  const seen = new Set<string>();
  const frames = fc.oneof(nearlyAnswered, nearlyNdp, fc.uint8Array({ maxLength: 130 }));
  fc.assert(
    fc.property(frames, fc.nat(20), (frame, cut) => {
      const slot = { ...exchange(frame), length: Math.max(0, frame.length - Math.max(0, cut - 15)) };
      const before = Uint8Array.from(frame);
      const verdict = respondToNdp(link, slot);
      seen.add(verdict);
      assert.deepEqual(frame, before);
      if (verdict !== 'Answered') {
        assert.ok((dropReasons as readonly string[]).includes(verdict));
        assert.ok(slot.reply.every((byte) => byte === 0));
        return;
      }
      assert.equal(checkNdp(frame, slot.length), undefined);
      const asked = decodeNdp(frame, slot.length) as NdpFrame;
      const given = decodeNdp(slot.reply) as NdpFrame;
      assert.deepEqual([given.target, given.sourceIp, given.linkAddress], [asked.target, asked.target, ourMac]);
    }),
    { numRuns: fuzzRuns },
  );
  for (const verdict of ['Answered', 'NotForUs', 'ForeignClaim', 'NotOurVip', 'Malformed', 'BadChecksum', 'Runt'])
    assert.ok(seen.has(verdict), `${verdict} is not among ${[...seen].join()}`);
});

test('bytes after the length have no effect', () => {
  const noises = fc.uint8Array({ minLength: 86, maxLength: 86 });
  fc.assert(
    fc.property(nearlyAnswered, fc.nat(86), noises, (frame, cut, noise) => {
      const length = Math.min(cut, frame.length);
      const other = Uint8Array.from(frame);
      other.set(noise.subarray(length, frame.length), length);
      const [verdict, verdictOfOther] = [frame, other].map((one) => respondToNdp(link, { ...exchange(one), length }));
      assert.equal(verdict, verdictOfOther);
    }),
    { numRuns: 10_000 },
  );
});
