/** Which ARP frames are answered, and why the others are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { respondToArp } from '../../../src/neighbor/arp-responder.ts';
import { dropReasons } from '../../../src/neighbor/frame-outcomes.ts';
import { type ArpFrame, arpFrameLength, decodeArp, encodeArp, ipv4Key } from '../../../src/wire/arp.ts';
import { macBytes } from '../../../src/wire/ethernet.ts';
import { fc } from '../../property.ts';
import { fuzzRuns } from '../fuzz.ts';

const ourMac = '02:00:00:00:00:aa';
const clientMac = '02:00:00:00:00:01';
const vip = '192.0.2.200' as Ip;
/** One VIP above 127.255.255.255 and one below: the signs of their keys differ. */
const lowVip = '10.0.0.7' as Ip;
const mac = macBytes(ourMac);
const stoodInVip = '192.0.2.77' as Ip;
const peerMac = '02:00:00:00:00:77';
const link = {
  mac,
  vips: new Map([
    [ipv4Key(vip), mac],
    [ipv4Key(lowVip), mac],
    [ipv4Key(stoodInVip), macBytes(peerMac)],
  ]),
};

const request: ArpFrame = {
  destination: 'ff:ff:ff:ff:ff:ff',
  source: clientMac,
  operation: 1,
  senderMac: clientMac,
  senderIp: '192.0.2.10' as Ip,
  targetMac: '00:00:00:00:00:00',
  targetIp: vip,
};

function exchange(frame: Uint8Array) {
  return { request: frame, length: frame.length, reply: new Uint8Array(64) };
}

function answerTo(change: Partial<ArpFrame>) {
  const slot = exchange(encodeArp({ ...request, ...change }));
  return { verdict: respondToArp(link, slot), reply: decodeArp(slot.reply, arpFrameLength) };
}

const answered = [
  { desc: 'a broadcast request', change: {} },
  { desc: 'a request for a VIP below 128.0.0.0', change: { targetIp: lowVip } },
  {
    desc: 'a unicast request (NUD probe, RFC 1122 section 2.3.2.1)',
    change: { destination: ourMac, targetMac: ourMac },
  },
  { desc: 'a probe from 0.0.0.0 (RFC 5227 section 2.1.1)', change: { senderIp: '0.0.0.0' as Ip } },
  { desc: 'a request sent through a switch port of another source address', change: { source: '02:00:00:00:00:02' } },
];

for (const { desc, change } of answered) {
  test(`${desc} is answered to the sender only, from the hardware address of the link`, () => {
    const asked = { ...request, ...change };
    const { verdict, reply } = answerTo(change);
    assert.equal(verdict, 'Answered');
    assert.deepEqual(reply, {
      destination: clientMac,
      source: ourMac,
      operation: 2,
      senderMac: ourMac,
      senderIp: asked.targetIp,
      targetMac: clientMac,
      targetIp: asked.senderIp,
    });
  });
}

const silent = [
  { desc: 'an address that is no VIP', change: { targetIp: '192.0.2.201' as Ip }, reason: 'NotOurVip' },
  { desc: 'a reply', change: { operation: 2 }, reason: 'NotRequest' },
  { desc: 'RARP', change: { operation: 3 }, reason: 'NotRequest' },
  { desc: 'a unicast frame for another station', change: { destination: '02:00:00:00:00:bb' }, reason: 'NotForUs' },
  { desc: 'a multicast frame', change: { destination: '01:00:5e:00:00:01' }, reason: 'NotForUs' },
  { desc: 'our own request, looped back', change: { senderMac: ourMac }, reason: 'FromSelf' },
  { desc: 'a GARP of another host for our VIP', change: { senderIp: vip }, reason: 'ForeignClaim' },
  { desc: 'a gratuitous reply of another host', change: { senderIp: vip, operation: 2 }, reason: 'ForeignClaim' },
  { desc: 'a request of another host with our VIP as sender', change: { senderIp: lowVip }, reason: 'ForeignClaim' },
  { desc: 'a broadcast sender', change: { senderMac: 'ff:ff:ff:ff:ff:ff' }, reason: 'SenderNotStation' },
  { desc: 'a zero sender', change: { senderMac: '00:00:00:00:00:00' }, reason: 'SenderNotStation' },
] as const;

for (const { desc, change, reason } of silent) {
  test(`${desc} is ${reason}`, () => assert.equal(answerTo(change).verdict, reason));
}

test("a stand-in's answer names the hardware address of the restarting node, in a frame from its own address", () => {
  const { verdict, reply } = answerTo({ targetIp: stoodInVip });
  assert.equal(verdict, 'Answered');
  assert.ok(typeof reply === 'object');
  assert.deepEqual([reply.senderMac, reply.source, reply.senderIp], [peerMac, ourMac, stoodInVip]);
});

test("a frame that is no ARP has the decoder's reason (a VLAN tag)", () => {
  const tagged = encodeArp(request);
  tagged.set([0x81, 0x00], 12);
  assert.equal(respondToArp(link, exchange(tagged)), 'VlanTagged');
  assert.equal(respondToArp(link, exchange(new Uint8Array(5))), 'Runt');
});

test('every frame has a verdict, and only an answer is written', () => {
  const change = fc.record({ at: fc.integer({ min: 0, max: 41 }), value: fc.integer({ min: 0, max: 255 }) });
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.integer({ min: 0, max: 42 }), (changes, cut) => {
      const frame = encodeArp(request);
      for (const { at, value } of changes) frame[at] = value;
      const slot = { ...exchange(frame), length: 42 - (cut > 30 ? cut - 30 : 0) };
      const verdict = respondToArp(link, slot);
      seen.add(verdict);
      const silent = (dropReasons as readonly string[]).includes(verdict);
      assert.ok(silent || verdict === 'Answered');
      if (silent) assert.ok(slot.reply.every((byte) => byte === 0));
      else assert.notEqual(typeof decodeArp(slot.reply, arpFrameLength), 'string');
    }),
    { numRuns: fuzzRuns },
  );
  assert.ok(seen.has('Answered') && seen.size > 5, [...seen].join());
});
