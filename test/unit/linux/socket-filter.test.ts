/**
 * Which frames the filters of the packet sockets accept. The test has a small interpreter of
 * classic BPF, as the kernel's documentation describes it (networking/filter.rst). Like the kernel,
 * it accepts a program only if all jumps and all paths end within it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { arpForThisHost, type FrameFilter, ndpForThisHost, tcpToPort } from '../../../src/linux/socket-filter.ts';
import { encodeArp } from '../../../src/wire/arp.ts';
import { encodeNdp } from '../../../src/wire/ndp.ts';
import { encodeTcp } from '../../../src/wire/tcp.ts';

/** The kernel's facts about a frame besides its bytes (packet(7)). */
interface Received {
  readonly packetType: 'host' | 'broadcast' | 'multicast' | 'otherhost';
  readonly isTagged: boolean;
}

const packetTypes = ['host', 'broadcast', 'multicast', 'otherhost'] as const;
const size: Readonly<Record<number, number>> = { 32: 4, 40: 2, 48: 1 };

interface Instruction {
  readonly code: number;
  readonly whenEqual: number;
  readonly whenNot: number;
  readonly operand: number;
}

function instructionsOf({ program }: FrameFilter): readonly Instruction[] {
  const view = new DataView(program);
  const all = Array.from({ length: program.byteLength / 8 }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    whenEqual: view.getUint8(8 * i + 2),
    whenNot: view.getUint8(8 * i + 3),
    operand: view.getUint32(8 * i + 4, true),
  }));
  for (const [i, { code, whenEqual, whenNot }] of all.entries()) {
    assert.ok([6, 21, 32, 40, 48].includes(code), `code ${code}`);
    if (code === 21) assert.ok(i + 1 + Math.max(whenEqual, whenNot) < all.length, 'a jump leads out of the program');
  }
  assert.equal(all.at(-1)?.code, 6, 'the program does not end with a return');
  return all;
}

/** The number of bytes of the frame that the socket gets. */
function passed(filter: FrameFilter, frame: Uint8Array, { packetType, isTagged }: Received): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const load = (at: number, bytes: number): number | undefined => {
    if (at === 0xfffff004) return packetTypes.indexOf(packetType);
    if (at === 0xfffff030) return isTagged ? 1 : 0;
    if (at + bytes > frame.length) return undefined;
    return bytes === 4 ? view.getUint32(at) : bytes === 2 ? view.getUint16(at) : view.getUint8(at);
  };
  const program = instructionsOf(filter);
  let loaded = 0;
  for (let i = 0; i < program.length; i++) {
    const { code, whenEqual, whenNot, operand } = program[i] ?? assert.fail();
    if (code === 6) return Math.min(operand, frame.length);
    if (code === 21) i += loaded === operand ? whenEqual : whenNot;
    else {
      const value = load(operand, size[code] ?? assert.fail());
      // A load from beyond the frame ends the program, and the frame is dropped.
      if (value === undefined) return 0;
      loaded = value;
    }
  }
  return assert.fail();
}

const [mac, other] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
const forAll: Received = { packetType: 'broadcast', isTagged: false };
const forUs: Received = { packetType: 'host', isTagged: false };

const arp = encodeArp({
  ...{ destination: mac, source: other, operation: 1, senderMac: other, senderIp: '192.0.2.2' as Ip },
  ...{ targetMac: '00:00:00:00:00:00', targetIp: '192.0.2.10' as Ip },
});
const solicitation = encodeNdp({
  ...{ destination: mac, source: other, sourceIp: 'fe80::2' as Ip, destinationIp: 'fe80::1' as Ip },
  ...{ type: 135, flags: 0, target: '2001:db8::10' as Ip, linkAddress: other },
});

/** A TCP segment to a port, over IPv4 or IPv6. */
function segment(destinationPort: number, family: 'IPv4' | 'IPv6' = 'IPv4'): Uint8Array {
  const [sourceIp, destinationIp] = (
    family === 'IPv4' ? ['192.0.2.10', '192.0.2.1'] : ['2001:db8::10', '2001:db8::1']
  ) as Ip[];
  return encodeTcp({
    ...{ destination: mac, source: other, sourceIp: sourceIp as Ip, destinationIp: destinationIp as Ip },
    ...{ sourcePort: 80, destinationPort, sequence: 1, acknowledgment: 1, flags: 0x12, window: 1 },
  });
}

/** The frame with one byte replaced. */
function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[at] = byte;
  return copy;
}

test('ARP passes if it is for this host or a broadcast', () => {
  assert.equal(passed(arpForThisHost, arp, forAll), arp.length);
  assert.equal(passed(arpForThisHost, arp, forUs), arp.length);
  assert.equal(
    passed(
      arpForThisHost,
      new Uint8Array(1_000).map((_, i) => arp[i] ?? 0),
      forAll,
    ),
    64,
  );
  assert.equal(passed(arpForThisHost, solicitation, forAll), 0);
});

test('only Neighbor Solicitations and Advertisements of IPv6 pass', () => {
  const forGroup: Received = { packetType: 'multicast', isTagged: false };
  for (const how of [forUs, forGroup]) assert.equal(passed(ndpForThisHost, solicitation, how), solicitation.length);
  const typeAt = 54;
  assert.ok(passed(ndpForThisHost, changed(solicitation, typeAt, 136), forUs) > 0);
  for (const type of [128, 133, 134, 137]) {
    assert.equal(passed(ndpForThisHost, changed(solicitation, typeAt, type), forUs), 0, `type ${type}`);
  }
  assert.equal(passed(ndpForThisHost, changed(solicitation, 20, 17), forUs), 0, 'UDP');
  assert.equal(passed(ndpForThisHost, solicitation.subarray(0, 50), forUs), 0, 'cut');
  assert.equal(passed(ndpForThisHost, arp, forUs), 0);
});

test('TCP passes if it is for the one port, without options and not fragmented, over the one family', () => {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const filter = tcpToPort(50_000, family);
    const frame = segment(50_000, family);
    assert.equal(passed(filter, frame, forUs), frame.length);
    assert.equal(passed(filter, segment(50_001, family), forUs), 0);
    assert.equal(passed(filter, segment(50_000, family === 'IPv4' ? 'IPv6' : 'IPv4'), forUs), 0);
    assert.equal(passed(filter, frame, forAll), 0);
  }
  const filter = tcpToPort(50_000, 'IPv4');
  assert.equal(passed(filter, changed(segment(50_000), 14, 0x46), forUs), 0, 'with options');
  assert.equal(passed(filter, changed(segment(50_000), 20, 0x20), forUs), 0, 'a fragment');
  assert.equal(passed(filter, changed(segment(50_000), 23, 17), forUs), 0, 'UDP');
});

test('no frame with a VLAN tag passes, and none for another station', () => {
  const rows: readonly [FrameFilter, Uint8Array][] = [
    [arpForThisHost, arp],
    [ndpForThisHost, solicitation],
    [tcpToPort(50_000, 'IPv4'), segment(50_000)],
    [tcpToPort(50_000, 'IPv6'), segment(50_000, 'IPv6')],
  ];
  for (const [filter, frame] of rows) {
    assert.ok(passed(filter, frame, forUs) > 0);
    assert.equal(passed(filter, frame, { ...forUs, isTagged: true }), 0);
    assert.equal(passed(filter, frame, { ...forUs, packetType: 'otherhost' }), 0);
  }
});
