/**
 * Neighbor Solicitation and Advertisement: bytes to packets and back. No input breaks the decoder.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { icmpv6Sum } from '../../../src/wire/ipv6.ts';
import { decodeNdp, encodeNdp, type NdpFrame, ndpFaults, ndpFrameLength } from '../../../src/wire/ndp.ts';
import { fc } from '../../property.ts';
import { fuzzRuns } from '../fuzz.ts';
import { bytes, nearlyNdp, refreshed } from './ndp-frames.ts';

/** A solicitation for fd99::2 that a Linux host sent. The checksum is the kernel's. */
const solicitationHex = `
  3333ff000002 020000000001 86dd
  60000000 0020 3a ff  fd990000000000000000000000000001  ff0200000000000000000001ff000002
  87 00 7c65 00000000  fd990000000000000000000000000002  01 01 020000000001`;

const solicitation: NdpFrame = {
  destination: '33:33:ff:00:00:02',
  source: '02:00:00:00:00:01',
  sourceIp: 'fd99::1' as Ip,
  destinationIp: 'ff02::1:ff00:2' as Ip,
  type: 135,
  flags: 0,
  target: 'fd99::2' as Ip,
  linkAddress: '02:00:00:00:00:01',
};

/** The answer that the host got. */
const advertisementHex = `
  020000000001 0200000000aa 86dd
  60000000 0020 3a ff  fd990000000000000000000000000002  fd990000000000000000000000000001
  88 00 1a27 60000000  fd990000000000000000000000000002  02 01 0200000000aa`;

const advertisement: NdpFrame = {
  destination: '02:00:00:00:00:01',
  source: '02:00:00:00:00:aa',
  sourceIp: 'fd99::2' as Ip,
  destinationIp: 'fd99::1' as Ip,
  type: 136,
  flags: 0x60,
  target: 'fd99::2' as Ip,
  linkAddress: '02:00:00:00:00:aa',
};

const cases = [
  { desc: 'a solicitation', hex: solicitationHex, packet: solicitation },
  { desc: 'an advertisement', hex: advertisementHex, packet: advertisement },
];

for (const { desc, hex, packet } of cases) {
  test(`${desc} encodes to the bytes that a kernel sends, and decodes to itself`, () => {
    assert.equal(Buffer.from(encodeNdp(packet)).toString('hex'), hex.replaceAll(/\s/g, ''));
    assert.deepEqual(decodeNdp(bytes(hex)), packet);
  });
}

/** The solicitation with some bytes replaced and its checksum corrected. */
function changed(offset: number, ...values: number[]): Uint8Array {
  const frame = bytes(solicitationHex);
  frame.set(values, offset);
  return refreshed(frame);
}

/** The solicitation with other options. */
function withOptions(hex: string): Uint8Array {
  const options = bytes(hex);
  const frame = Uint8Array.from([...bytes(solicitationHex).subarray(0, 78), ...options]);
  frame[19] = 24 + options.length;
  return refreshed(frame);
}

/** A solicitation of a host without an address, with changes. */
const probe = (change: Partial<NdpFrame> = {}) =>
  encodeNdp({ ...solicitation, sourceIp: '::' as Ip, linkAddress: undefined, ...change });

const faulty: readonly { desc: string; frame: Uint8Array; length?: number; fault: string }[] = [
  { desc: 'no byte', frame: new Uint8Array(0), fault: 'Runt' },
  { desc: 'half a header', frame: bytes(solicitationHex), length: 13, fault: 'Runt' },
  { desc: 'no ICMPv6 type', frame: bytes(solicitationHex), length: 54, fault: 'Runt' },
  { desc: 'one byte short of a message', frame: bytes(solicitationHex), length: 77, fault: 'Runt' },
  { desc: 'ARP', frame: changed(12, 0x08, 0x06), fault: 'NotNdp' },
  { desc: 'an 802.1Q tag', frame: changed(12, 0x81, 0x00), fault: 'VlanTagged' },
  { desc: 'an 802.1ad tag', frame: changed(12, 0x88, 0xa8), fault: 'VlanTagged' },
  { desc: 'TCP', frame: changed(20, 6), fault: 'NotNdp' },
  { desc: 'a hop-by-hop header', frame: changed(20, 0), fault: 'NotNdp' },
  { desc: 'a fragment header (RFC 6980)', frame: changed(20, 44), fault: 'NotNdp' },
  { desc: 'a router advertisement', frame: changed(54, 134), fault: 'NotNdp' },
  { desc: 'an echo request', frame: changed(54, 128), fault: 'NotNdp' },
  { desc: 'IP version 4', frame: changed(14, 0x45), fault: 'Malformed' },
  { desc: 'a payload that ends after the frame', frame: bytes(solicitationHex), length: 85, fault: 'Malformed' },
  { desc: 'a payload of 20 bytes', frame: changed(19, 20), fault: 'Malformed' },
  { desc: 'a payload of 65,535 bytes', frame: changed(18, 0xff, 0xff), fault: 'Malformed' },
  { desc: 'hop limit 254', frame: changed(21, 254), fault: 'OffLink' },
  { desc: 'a wrong checksum', frame: bytes(solicitationHex.replace('7c65', '7c66')), fault: 'BadChecksum' },
  { desc: 'a checksum of zero', frame: bytes(solicitationHex.replace('7c65', '0000')), fault: 'BadChecksum' },
  { desc: 'code 1', frame: changed(55, 1), fault: 'Malformed' },
  { desc: 'a group as target', frame: changed(62, 0xff), fault: 'Malformed' },
  { desc: 'a group as source', frame: changed(22, 0xff), fault: 'Malformed' },
  { desc: 'an option of length 0', frame: withOptions('0100020000000001'), fault: 'Malformed' },
  { desc: 'another option of length 0', frame: withOptions('0e00020000000001 0101020000000001'), fault: 'Malformed' },
  { desc: 'an option that ends after the payload', frame: withOptions('0102020000000001'), fault: 'Malformed' },
  { desc: 'half an option head', frame: withOptions('0101020000000001 05'), fault: 'Malformed' },
  { desc: 'a hardware address of 14 bytes', frame: withOptions(`0102${'02'.repeat(14)}`), fault: 'Malformed' },
  {
    desc: 'a probe (DAD) with a hardware address',
    frame: probe({ linkAddress: solicitation.source }),
    fault: 'Malformed',
  },
  { desc: 'a probe (DAD) to one host', frame: probe({ destinationIp: 'fd99::2' as Ip }), fault: 'Malformed' },
  { desc: 'a probe (DAD) to all hosts', frame: probe({ destinationIp: 'ff02::1' as Ip }), fault: 'Malformed' },
  {
    desc: 'a solicited advertisement to a group',
    frame: encodeNdp({ ...advertisement, destinationIp: 'ff02::1' as Ip }),
    fault: 'Malformed',
  },
];

for (const { desc, frame, length, fault } of faulty) {
  test(`${desc} is ${fault}`, () => assert.equal(decodeNdp(frame, length), fault));
}

const readable: readonly { desc: string; frame: Uint8Array; change: Partial<NdpFrame> }[] = [
  { desc: 'padding after the payload', frame: Uint8Array.from([...bytes(solicitationHex), 90, 90, 90]), change: {} },
  { desc: 'no option', frame: withOptions(''), change: { linkAddress: undefined } },
  {
    desc: 'an unknown option of 16 bytes before the address',
    frame: withOptions(`0e02${'aa'.repeat(14)} 0101020000000005`),
    change: { linkAddress: '02:00:00:00:00:05' },
  },
  {
    desc: 'two addresses (the first counts)',
    frame: withOptions('0101020000000005 0101020000000006'),
    change: { linkAddress: '02:00:00:00:00:05' },
  },
  {
    desc: 'the option of an advertisement (it has no effect here)',
    frame: withOptions('0201020000000005'),
    change: { linkAddress: undefined },
  },
  { desc: 'a reserved field that is not zero (RFC 4861 section 4.3)', frame: changed(58, 0xff, 0xff), change: {} },
  { desc: 'a traffic class and a flow label', frame: changed(14, 0x6e, 0xab, 0xcd, 0xef), change: {} },
  { desc: 'a probe (DAD)', frame: probe(), change: { sourceIp: '::' as Ip, linkAddress: undefined } },
];

for (const { desc, frame, change } of readable) {
  test(`${desc} is read`, () => assert.deepEqual(decodeNdp(frame), { ...solicitation, ...change }));
}

test('a length beyond the buffer is a runt, not a read past its end', () => {
  assert.equal(decodeNdp(bytes(solicitationHex), 100), 'Runt');
});

test('the checksum of a payload with an odd length is computed too', () => {
  const frame = Uint8Array.from([...bytes(solicitationHex), 0x77]);
  frame[19] = 33;
  assert.equal(decodeNdp(frame), 'BadChecksum');
  assert.equal(decodeNdp(refreshed(frame)), 'Malformed');
  assert.equal(icmpv6Sum(refreshed(frame)), 0xffff);
});

test('bytes after the length are never read', () => {
  const tails = fc.uint8Array({ minLength: 110, maxLength: 110 });
  fc.assert(
    fc.property(tails, fc.integer({ min: 0, max: 110 }), nearlyNdp, (tail, length, frame) => {
      const other = Uint8Array.from(frame);
      other.set(tail.subarray(length), length);
      assert.deepEqual(decodeNdp(other, length), decodeNdp(frame, length));
    }),
    { numRuns: 5_000 },
  );
});

test('any frame decodes to a fault or to a packet, and that packet encodes to a frame that decodes to the same packet', () => {
  const frames = fc.oneof(fc.uint8Array({ maxLength: 130 }), nearlyNdp);
  const seen = new Set<string>();
  fc.assert(
    fc.property(frames, fc.integer({ min: -5, max: 140 }), (frame, length) => {
      const packet = decodeNdp(frame, length);
      seen.add(typeof packet === 'string' ? packet : 'packet');
      if (typeof packet === 'string') return ndpFaults.includes(packet);
      assert.deepEqual(decodeNdp(encodeNdp(packet)), packet);
      return true;
    }),
    { numRuns: fuzzRuns },
  );
  // Guards the generator: without valid and nearly valid frames the property would prove nothing.
  for (const outcome of [...ndpFaults, 'packet'])
    assert.ok(seen.has(outcome) || outcome === 'VlanTagged', `no ${outcome} in the run`);
});

test('the frame length of an answer is that of a message with one option', () => {
  assert.equal(encodeNdp(advertisement).length, ndpFrameLength);
});
