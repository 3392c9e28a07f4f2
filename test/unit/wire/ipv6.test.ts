/** IPv6 addresses in frames and in sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ip, ipFromNumber } from '../../../src/addr/ip.ts';
import {
  ipv6Bytes,
  ipv6TextAt,
  isGroupAt,
  isSolicitedNodeAt,
  isUnspecifiedAt,
  solicitedNodeGroup,
} from '../../../src/wire/ipv6.ts';
import { hasIpv6At, indexOfIpv6At, packIpv6 } from '../../../src/wire/ipv6-set.ts';
import { fc } from '../../property.ts';

const addresses = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => ipFromNumber(value, 'IPv6'));
/**
 * Addresses that are close to each other: many share their first words, as the addresses of a pool
 * do.
 */
const close = fc
  .tuple(fc.constantFrom(0n, 1n << 32n, 1n << 64n, 1n << 96n, 0xffffffffn << 96n), fc.nat(3))
  .map(([base, number]) => ipFromNumber(base + BigInt(number), 'IPv6'));

test('an address converts to its sixteen bytes and back', () => {
  assert.equal(Buffer.from(ipv6Bytes('fd00::8:0:1' as Ip)).toString('hex'), 'fd000000000000000000000800000001');
  fc.assert(fc.property(addresses, (ip) => ipv6TextAt(Uint8Array.from([7, ...ipv6Bytes(ip)]), 1) === ip));
  const gappy = fc.array(fc.constantFrom(0, 0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(gappy, (groups) => {
      const ip = ipFromNumber(
        groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n),
        'IPv6',
      );
      assert.equal(ipv6TextAt(ipv6Bytes(ip), 0), ip);
    }),
    { numRuns: 5_000 },
  );
  for (const ip of ['::', '::1', '1::', '1:2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', '1:0:3::', '::ffff:c000:201'] as Ip[])
    assert.equal(ipv6TextAt(ipv6Bytes(ip), 0), ip);
  for (const text of [
    '10.0.0.1',
    '1:2:3',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    'g::',
    '10000::',
    'fd00::1%eth0',
    '',
  ])
    assert.throws(() => ipv6Bytes(text as Ip), TypeError, text);
});

test('the solicited-node group has the last 24 bits of the address (RFC 4291 section 2.7.1)', () => {
  assert.deepEqual(solicitedNodeGroup('4037::1:800:200e:8c6c' as Ip), ipv6Bytes('ff02::1:ff0e:8c6c' as Ip));
  assert.deepEqual(solicitedNodeGroup('fd00::' as Ip), ipv6Bytes('ff02::1:ff00:0' as Ip));
  fc.assert(fc.property(addresses, (ip) => isSolicitedNodeAt(solicitedNodeGroup(ip), 0)));
});

test('unspecified addresses, groups and solicited-node groups are recognized', () => {
  const rows: readonly [string, boolean, boolean, boolean][] = [
    ['::', true, false, false],
    ['::1', false, false, false],
    ['1::', false, false, false],
    ['ff02::1', false, true, false],
    ['ff02::1:ff00:1', false, true, true],
    ['ff02::1:fe00:1', false, true, false],
    ['ff05::1:ff00:1', false, true, false],
    ['fe80::1:ff00:1', false, false, false],
  ];
  for (const [ip, unspecified, group, solicitedNode] of rows) {
    const at = ipv6Bytes(ip as Ip);
    assert.deepEqual(
      [isUnspecifiedAt(at, 0), isGroupAt(at, 0), isSolicitedNodeAt(at, 0)],
      [unspecified, group, solicitedNode],
      ip,
    );
  }
});

test('a set has exactly the addresses that it was made from', () => {
  const members = fc.array(fc.oneof(addresses, close), { maxLength: 40 });
  fc.assert(
    fc.property(members, fc.oneof(addresses, close), (ips, other) => {
      const { set, order } = packIpv6(ips);
      for (const ip of ips) assert.equal(ips[order[indexOfIpv6At(set, ipv6Bytes(ip), 0)] ?? -1], ip);
      assert.equal(hasIpv6At(set, Uint8Array.from([0, 0, ...ipv6Bytes(other)]), 2), ips.includes(other), other);
    }),
    { numRuns: 5_000 },
  );
  assert.equal(hasIpv6At(packIpv6([]).set, new Uint8Array(16), 0), false);
  assert.throws(() => packIpv6(['10.0.0.1' as Ip]), TypeError);
});
