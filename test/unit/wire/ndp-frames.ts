/**
 * Neighbor Discovery frames for tests: from hex, with a corrected checksum, or generated and nearly
 * valid.
 */

import { readUint16, writeUint16 } from '../../../src/wire/ethernet.ts';
import { ipv6Offset } from '../../../src/wire/ipv6.ts';
import { writeNdpChecksum } from '../../../src/wire/ndp.ts';
import { fc } from '../../property.ts';

/** The bytes of a hex text. Spaces are ignored. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** The same frame with a correct checksum, or unchanged if its payload does not end within it. */
export function refreshed(frame: Uint8Array): Uint8Array {
  if (frame.length < 78 || ipv6Offset.payload + readUint16(frame, ipv6Offset.payloadLength) > frame.length)
    return frame;
  const copy = Uint8Array.from(frame);
  writeNdpChecksum(copy);
  return copy;
}

const solicitation = bytes(`
  3333ff000002 020000000001 86dd
  60000000 0020 3a ff  fd990000000000000000000000000001  ff0200000000000000000001ff000002
  87 00 0000 00000000  fd990000000000000000000000000002  01 01 020000000001 05 02 0000000000000000000000000000`);

const addresses = fc.constantFrom(
  'fd990000000000000000000000000001',
  'fd990000000000000000000000000002',
  '00000000000000000000000000000000',
  'ff020000000000000000000000000001',
  'ff0200000000000000000001ff000002',
);

/**
 * 110 bytes that are a valid message except for at most three bytes, so that the later checks are
 * reached too. They have either type, any of the relevant addresses, payloads of several lengths,
 * and mostly correct checksums.
 */
export const nearlyNdp = fc
  .record({
    type: fc.constantFrom(135, 136),
    addresses: fc.tuple(addresses, addresses, addresses),
    payload: fc.constantFrom(24, 32, 48, 56, 33, 23),
    changes: fc.array(fc.tuple(fc.nat(101), fc.nat(255)), { maxLength: 3 }),
    right: fc.boolean(),
    options: fc.array(fc.constantFrom(0, 1, 2), { minLength: 4, maxLength: 4 }),
  })
  .map(({ type, addresses: [source, destination, target], payload, changes, right, options }) => {
    const frame = new Uint8Array(110);
    frame.set(solicitation);
    frame[54] = type;
    frame.set(bytes(source), 22);
    frame.set(bytes(destination), 38);
    frame.set(bytes(target), 62);
    writeUint16(frame, 18, payload);
    frame.set(options.slice(0, 2), 78);
    frame.set(options.slice(2), 86);
    for (const [offset, value] of changes) frame[offset] = value;
    return right ? refreshed(frame) : frame;
  });
