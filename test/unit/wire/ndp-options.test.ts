/**
 * Neighbor Discovery options end within their packet, whatever their length field is, also options
 * that Berth ignores.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { decodeNdp, encodeNdp } from '../../../src/wire/ndp.ts';
import { refreshed } from './ndp-frames.ts';

const mac = '02:00:00:00:00:02';
const solicitation = encodeNdp({
  ...{
    destination: '33:33:ff:00:00:10',
    source: mac,
    sourceIp: 'fe80::2' as Ip,
    destinationIp: 'ff02::1:ff00:10' as Ip,
  },
  ...{ type: 135, flags: 0, target: '2001:db8::10' as Ip, linkAddress: mac },
});
/**
 * The start of the only option: after an Ethernet header, an IPv6 header and a message of 24 bytes.
 */
const optionAt = 14 + 40 + 24;

/** The solicitation with another type and length of its option. */
function withOption(type: number, units: number): Uint8Array {
  const frame = Uint8Array.from(solicitation);
  frame.set([type, units], optionAt);
  return refreshed(frame);
}

test('the option of a solicitation has the hardware address of its sender', () => {
  const message = decodeNdp(withOption(1, 1));
  assert.equal(typeof message === 'object' && message.linkAddress, mac);
});

test('an unknown option is skipped', () => {
  const message = decodeNdp(withOption(14, 1));
  assert.ok(typeof message === 'object');
  assert.equal(message.linkAddress, undefined);
});

test('an option that ends after its packet makes the message malformed, known or not', () => {
  for (const type of [1, 14])
    for (const units of [2, 255]) assert.equal(decodeNdp(withOption(type, units)), 'Malformed');
});
