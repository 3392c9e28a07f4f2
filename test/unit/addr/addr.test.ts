/** Addresses and ranges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocationName, ipFromNumber, ipToNumber, parseIp } from '../../../src/addr/ip.ts';
import { contains, type IpRange, isRange, parseRange, subtract } from '../../../src/addr/range.ts';

test('an address has one spelling', () => {
  const rows: readonly [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['192.0.2.1/24', undefined],
    ['192.0.2.01', undefined],
    ['192.0.2', undefined],
    ['192.0.2.256', undefined],
    ['fe80::1%eth0', undefined],
    [' 192.0.2.1', undefined],
    ['', undefined],
    ['host', undefined],
  ];
  for (const [text, expected] of rows) assert.equal(parseIp(text), expected, text);
});

test('a number and its address are the same thing', () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 32n - 1n), (value) => ipToNumber(ipFromNumber(value, 'IPv4')) === value));
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => {
      const ip = ipFromNumber(value, 'IPv6');
      assert.equal(parseIp(ip), ip);
      assert.equal(ipToNumber(ip), value);
    }),
  );
});

test('G2 an entry is named the same for every spelling of its address', () => {
  for (const text of ['2001:db8::a', '2001:0DB8:0:0::000A']) {
    assert.equal(allocationName(parseIp(text) ?? assert.fail()), '2001-0db8-0000-0000-0000-0000-0000-000a');
  }
  assert.equal(allocationName(parseIp('192.0.2.1') ?? assert.fail()), '192.0.2.1');
});

test('a range is a CIDR, first-last or one address', () => {
  const rows: readonly [string, string, string][] = [
    ['192.0.2.0/30', '192.0.2.0', '192.0.2.3'],
    ['192.0.2.1/30', '192.0.2.0', '192.0.2.3'],
    ['192.0.2.7/32', '192.0.2.7', '192.0.2.7'],
    ['192.0.2.7-192.0.2.9', '192.0.2.7', '192.0.2.9'],
    ['192.0.2.7 - 192.0.2.9', '192.0.2.7', '192.0.2.9'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['2001:db8::/127', '2001:db8::', '2001:db8::1'],
  ];
  for (const [text, first, last] of rows) {
    const range = parseRange(text);
    assert.ok(isRange(range), text);
    assert.equal(ipFromNumber(range.first, range.family), first, text);
    assert.equal(ipFromNumber(range.last, range.family), last, text);
  }
});

test('E4 a bad range says what is wrong with it', () => {
  const rows: readonly [string, string, RegExp][] = [
    ['192.0.2.9-192.0.2.1', 'InvalidRange', /ends before it starts/],
    ['192.0.2.1-2001:db8::1', 'InvalidRange', /mixes/],
    ['192.0.2.1-', 'InvalidAddress', /no address/],
    ['192.0.2.1-192.0.2.2-192.0.2.3', 'InvalidAddress', /no address/],
    ['192.0.2.0/33', 'InvalidAddress', /no CIDR/],
    ['192.0.2.0/24/24', 'InvalidAddress', /no CIDR/],
    ['192.0.2.0/', 'InvalidAddress', /no CIDR/],
    ['pool', 'InvalidAddress', /no address/],
  ];
  for (const [text, reason, message] of rows) {
    const range = parseRange(text);
    assert.ok(!isRange(range), text);
    assert.equal(range.reason, reason, text);
    assert.match(range.message, message, text);
  }
});

test('a range contains what lies between its ends', () => {
  const value = fc.bigInt(0n, 2n ** 32n - 1n);
  fc.assert(
    fc.property(value, value, value, (a, b, c) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      assert.equal(contains({ family: 'IPv4', first, last }, ipFromNumber(c, 'IPv4')), first <= c && c <= last);
    }),
  );
});

test('what is left without some ranges is what neither of them holds', () => {
  const range = fc
    .tuple(fc.bigInt(0n, 60n), fc.bigInt(0n, 60n))
    .map(([a, b]): IpRange => (a < b ? { family: 'IPv4', first: a, last: b } : { family: 'IPv4', first: b, last: a }));
  const holds = (ranges: readonly IpRange[], value: bigint) =>
    ranges.some(({ first, last }) => first <= value && value <= last);
  fc.assert(
    fc.property(fc.array(range), fc.array(range), (ranges, others) => {
      const left = subtract(ranges, others);
      for (let value = 0n; value <= 60n; value++) {
        assert.equal(holds(left, value), holds(ranges, value) && !holds(others, value), `${value}`);
      }
      assert.ok(left.every(({ first, last }) => first <= last));
    }),
  );
});

test('ranges of another family take nothing away', () => {
  const v4: IpRange = { family: 'IPv4', first: 1n, last: 9n };
  assert.deepEqual(subtract([v4], [{ family: 'IPv6', first: 0n, last: 99n }]), [v4]);
});
