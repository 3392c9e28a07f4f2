/** TCP segments: bytes to packets and back, over both families. No input breaks the decoder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { ipv6TextAt } from '../../../src/wire/ipv6.ts';
import { decodeTcp, encodeTcp, type TcpFrame, tcpFaults, tcpFlag } from '../../../src/wire/tcp.ts';
import { fc } from '../../property.ts';

const synchronize: TcpFrame = {
  destination: '02:00:00:00:00:aa',
  source: '02:00:00:00:00:01',
  sourceIp: '192.0.2.10' as Ip,
  destinationIp: '192.0.2.200' as Ip,
  sourcePort: 40_000,
  destinationPort: 80,
  sequence: 0xdeadbeef,
  acknowledgment: 0,
  flags: tcpFlag.synchronize,
  window: 1_024,
};
const overIpv6 = { sourceIp: '2001:db8::10' as Ip, destinationIp: '2001:db8::c8' as Ip };
const reset: TcpFrame = { ...synchronize, ...overIpv6, flags: tcpFlag.reset, sequence: 0xffffffff };

const ethernet = '0200000000aa 020000000001';
const synchronizeHex = [
  `${ethernet} 0800`,
  '45 00 0028 0000 4000 40 06 b5fd c000020a c00002c8',
  '9c40 0050 deadbeef 00000000 50 02 0400 ece1 0000',
];
const resetHex = [
  `${ethernet} 86dd`,
  '60000000 0014 06 40 20010db8000000000000000000000010 20010db80000000000000000000000c8',
  '9c40 0050 ffffffff 00000000 50 04 0400 b306 0000',
];
const bytes = (hex: readonly string[]) => Uint8Array.from(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

/** A frame with some bytes replaced. */
function changed(hex: readonly string[], offset: number, ...values: readonly number[]): Uint8Array {
  const frame = bytes(hex);
  frame.set(values, offset);
  return frame;
}

for (const [name, packet, hex] of [
  ['SYN over IPv4', synchronize, synchronizeHex],
  ['RST over IPv6', reset, resetHex],
] as const) {
  test(`${name} encodes to the bytes of RFC 9293, with its checksums, and decodes to itself`, () => {
    assert.equal(Buffer.from(encodeTcp(packet)).toString('hex'), Buffer.from(bytes(hex)).toString('hex'));
    assert.deepEqual(decodeTcp(bytes(hex)), packet);
  });
}

test('padding to the Ethernet minimum of 60 bytes is allowed, and so are TCP options', () => {
  assert.deepEqual(decodeTcp(Uint8Array.from([...bytes(synchronizeHex), ...new Uint8Array(6)])), synchronize);
  const frame = Uint8Array.from([...changed(resetHex, 18, 0, 24), 2, 4, 5, 180]);
  frame[66] = 0x60;
  assert.deepEqual(decodeTcp(frame), reset);
});

test('a TCP checksum that is left to the network card is not checked', () => {
  assert.deepEqual(decodeTcp(changed(synchronizeHex, 50, 0, 0)), synchronize);
});

const faulty = [
  { desc: 'no byte', frame: new Uint8Array(0), fault: 'Runt' },
  { desc: 'half an Ethernet header', frame: bytes(synchronizeHex).subarray(0, 13), fault: 'Runt' },
  { desc: 'half an IPv4 header', frame: bytes(synchronizeHex).subarray(0, 33), fault: 'Runt' },
  { desc: 'half an IPv6 header', frame: bytes(resetHex).subarray(0, 53), fault: 'Runt' },
  { desc: 'one byte short over IPv4', frame: bytes(synchronizeHex).subarray(0, 53), fault: 'Runt' },
  { desc: 'one byte short over IPv6', frame: bytes(resetHex).subarray(0, 73), fault: 'Runt' },
  { desc: 'ARP', frame: changed(synchronizeHex, 12, 0x08, 0x06), fault: 'NotTcp' },
  { desc: 'UDP over IPv4', frame: changed(synchronizeHex, 23, 17), fault: 'NotTcp' },
  { desc: 'an extension header', frame: changed(resetHex, 20, 0), fault: 'NotTcp' },
  { desc: 'a first fragment', frame: changed(synchronizeHex, 20, 0x20, 0), fault: 'NotTcp' },
  { desc: 'a later fragment', frame: changed(synchronizeHex, 20, 0, 1), fault: 'NotTcp' },
  { desc: 'version 6 in IPv4', frame: changed(synchronizeHex, 14, 0x65), fault: 'Malformed' },
  { desc: 'version 4 in IPv6', frame: changed(resetHex, 14, 0x40), fault: 'Malformed' },
  { desc: 'an IPv4 header of four words', frame: changed(synchronizeHex, 14, 0x44), fault: 'Malformed' },
  { desc: 'an IPv4 header longer than its packet', frame: changed(synchronizeHex, 14, 0x4f), fault: 'Malformed' },
  { desc: 'a packet too short for TCP', frame: changed(resetHex, 19, 19), fault: 'Malformed' },
  { desc: 'a header of four words', frame: changed(synchronizeHex, 46, 0x40), fault: 'Malformed' },
  { desc: 'a header longer than its segment', frame: changed(resetHex, 66, 0x60), fault: 'Malformed' },
  { desc: 'a wrong checksum of IPv4', frame: changed(synchronizeHex, 24, 0), fault: 'BadChecksum' },
] as const;

for (const { desc, frame, fault } of faulty) test(`${desc} is ${fault}`, () => assert.equal(decodeTcp(frame), fault));

test('a length beyond the buffer is a runt, not a read past its end', () => {
  assert.equal(decodeTcp(bytes(resetHex), 100), 'Runt');
});

/** The one's complement sum (RFC 1071), computed in another way. */
function checksum(all: readonly number[]): number {
  let sum = 0;
  all.forEach((byte, i) => {
    sum += i % 2 === 0 ? byte * 256 : byte;
  });
  return sum % 0xffff;
}

const bits = (n: number) => fc.integer({ min: 0, max: 2 ** n - 1 });
const mac = fc.tuple(...Array.from({ length: 6 }, () => bits(8))).map((all) =>
  Buffer.from(all)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:'),
);
const ipv4 = fc.ipV4().map((ip) => ip as Ip);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((ip) => ipv6TextAt(ip, 0));
const anyPacket = fc.oneof(fc.constant(ipv4), fc.constant(ipv6)).chain((ip) =>
  fc.record({
    ...{
      destination: mac,
      source: mac,
      sourceIp: ip,
      destinationIp: ip,
      sourcePort: bits(16),
      destinationPort: bits(16),
    },
    ...{ sequence: bits(32), acknowledgment: bits(32), flags: bits(8), window: bits(16) },
  }),
);

test('every packet decodes to itself, and its checksum is right', () => {
  fc.assert(
    fc.property(anyPacket, (record) => {
      const packet = { ...record };
      const frame = encodeTcp(packet);
      assert.deepEqual(decodeTcp(frame), packet);
      const at = frame.length - 20;
      const addresses = packet.sourceIp.includes(':') ? 32 : 8;
      // Sums are equal modulo 0xffff: a correct sum is a multiple of it.
      assert.equal(checksum([...frame.subarray(at - addresses), 0, 6, 0, 20]), 0);
    }),
  );
});

test('no frame breaks the decoder, and bytes after the length are never read', () => {
  const change = fc.tuple(fc.integer({ min: 12, max: 70 }), bits(8));
  const nearly = fc.tuple(fc.constantFrom(synchronizeHex, resetHex), fc.array(change, { maxLength: 4 }));
  fc.assert(
    fc.property(nearly, fc.integer({ min: 0, max: 80 }), ([hex, changes], length) => {
      const frame = Uint8Array.from([...bytes(hex), ...new Uint8Array(10)]);
      for (const [at, byte] of changes) frame[at] = byte;
      const other = Uint8Array.from(frame, (byte, i) => (i < length ? byte : byte ^ 0xff));
      const packet = decodeTcp(frame, length);
      assert.deepEqual(decodeTcp(other, length), packet);
      if (typeof packet === 'string') assert.ok(tcpFaults.includes(packet));
    }),
    { numRuns: 2_000 },
  );
});
