/** ARP frames: bytes to packets and back. No input breaks the decoder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type ArpFrame, arpFaults, arpFrameLength, decodeArp, encodeArp, ipv4Key } from '../../../src/wire/arp.ts';
import { fc } from '../../property.ts';
import { fuzzRuns } from '../fuzz.ts';

const request: ArpFrame = {
  destination: 'ff:ff:ff:ff:ff:ff',
  source: '02:00:00:00:00:01',
  operation: 1,
  senderMac: '02:00:00:00:00:01',
  senderIp: '192.0.2.10' as Ip,
  targetMac: '00:00:00:00:00:00',
  targetIp: '192.0.2.200' as Ip,
};

const requestHex =
  'ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c000020a 000000000000 c00002c8'.replaceAll(' ', '');

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** The valid request with some bytes replaced. */
function changed(offset: number, ...values: number[]): Uint8Array {
  const frame = bytes(requestHex);
  frame.set(values, offset);
  return frame;
}

test('a packet encodes to the bytes of RFC 826 and decodes to itself', () => {
  assert.equal(Buffer.from(encodeArp(request)).toString('hex'), requestHex);
  assert.deepEqual(decodeArp(bytes(requestHex)), request);
});

test('padding to the Ethernet minimum of 60 bytes is allowed', () => {
  assert.deepEqual(decodeArp(bytes(requestHex + '5a'.repeat(18))), request);
});

const faulty = [
  { desc: 'no byte', frame: new Uint8Array(0), fault: 'Runt' },
  { desc: 'half a header', frame: bytes(requestHex).subarray(0, 13), fault: 'Runt' },
  { desc: 'one byte short', frame: bytes(requestHex).subarray(0, 41), fault: 'Runt' },
  { desc: 'IPv4', frame: changed(12, 0x08, 0x00), fault: 'NotArp' },
  { desc: 'a short frame of another type', frame: changed(12, 0x86, 0xdd).subarray(0, 20), fault: 'NotArp' },
  { desc: 'an 802.1Q tag', frame: changed(12, 0x81, 0x00), fault: 'VlanTagged' },
  { desc: 'an 802.1ad tag', frame: changed(12, 0x88, 0xa8), fault: 'VlanTagged' },
  { desc: 'hardware type 6', frame: changed(14, 0, 6), fault: 'Malformed' },
  { desc: 'protocol type IPv6', frame: changed(16, 0x86, 0xdd), fault: 'Malformed' },
  { desc: 'hardware length 8', frame: changed(18, 8), fault: 'Malformed' },
  { desc: 'protocol length 16', frame: changed(19, 16), fault: 'Malformed' },
] as const;

for (const { desc, frame, fault } of faulty) {
  test(`${desc} is ${fault}`, () => assert.equal(decodeArp(frame), fault));
}

test('a length beyond the buffer is a runt, not a read past its end', () => {
  assert.equal(decodeArp(bytes(requestHex), 100), 'Runt');
});

/**
 * Sixty bytes that are ARP except for at most three bytes, so that the later checks are reached
 * too.
 */
const nearlyArp = fc
  .tuple(
    fc.uint8Array({ minLength: 40, maxLength: 40 }),
    fc.array(fc.tuple(fc.integer({ min: 12, max: 21 }), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
  )
  .map(([noise, changes]) => {
    const frame = bytes(requestHex + '00'.repeat(18));
    frame.set(noise.subarray(0, 12), 0);
    frame.set(noise.subarray(12), 22);
    for (const [offset, value] of changes) frame[offset] = value;
    return frame;
  });

test('bytes after the length are never read', () => {
  const tails = fc.uint8Array({ minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(tails, fc.integer({ min: 0, max: 60 }), nearlyArp, (tail, length, frame) => {
      const other = Uint8Array.from(frame);
      other.set(tail.subarray(length), length);
      assert.deepEqual(decodeArp(other, length), decodeArp(frame, length));
    }),
  );
});

test('any frame decodes to a fault or to a packet that encodes to the same bytes', () => {
  const frames = fc.oneof(fc.uint8Array({ maxLength: 80 }), nearlyArp);
  const seen = new Set<string>();
  fc.assert(
    fc.property(frames, fc.integer({ min: -5, max: 90 }), (frame, length) => {
      const packet = decodeArp(frame, length);
      seen.add(typeof packet === 'string' ? packet : 'packet');
      if (typeof packet === 'string') return arpFaults.includes(packet);
      return Buffer.from(encodeArp(packet)).equals(frame.subarray(0, arpFrameLength));
    }),
    { numRuns: fuzzRuns },
  );
  // Guards the generator: without valid and nearly valid frames the property would prove nothing.
  for (const outcome of ['Runt', 'NotArp', 'Malformed', 'packet'])
    assert.ok(seen.has(outcome), `no ${outcome} in the run`);
});

test('the key of an address is its four bytes as a signed 32-bit number', () => {
  assert.equal(ipv4Key('1.2.3.4' as Ip), 0x01020304);
  assert.equal(ipv4Key('255.255.255.255' as Ip), -1);
  for (const text of ['1.2.3', '1.2.3.256', 'fd00::1', '1.2.3.x']) assert.throws(() => ipv4Key(text as Ip), TypeError);
});
