/** Addresses and ranges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocationName, ipFromNumber, ipToNumber, parseIp } from '../../../src/addr/ip.ts';
import { formatRange, type IpRange, isRange, parseRange } from '../../../src/addr/range.ts';
import { holds, intersect, type RangeSet, rangeSet, sizeOf, subtract } from '../../../src/addr/range-set.ts';
import { fc } from '../../property.ts';

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

test('an address and its number convert into each other', () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 32n - 1n), (value) => ipToNumber(ipFromNumber(value, 'IPv4')) === value));
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => {
      const ip = ipFromNumber(value, 'IPv6');
      assert.equal(parseIp(ip), ip);
      assert.equal(ipToNumber(ip), value);
    }),
  );
});

test('a ledger entry has the same name for every spelling of its address', () => {
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

test('the fault of an invalid range names what is wrong', () => {
  const rows: readonly [string, string, RegExp][] = [
    ['192.0.2.9-192.0.2.1', 'InvalidRange', /ends before it starts/],
    ['192.0.2.1-2001:db8::1', 'InvalidRange', /mixes/],
    ['192.0.2.1-', 'InvalidAddress', /not an address/],
    ['192.0.2.1-192.0.2.2-192.0.2.3', 'InvalidAddress', /not an address/],
    ['192.0.2.0/33', 'InvalidAddress', /not a CIDR/],
    ['192.0.2.0/24/24', 'InvalidAddress', /not a CIDR/],
    ['192.0.2.0/', 'InvalidAddress', /not a CIDR/],
    ['pool', 'InvalidAddress', /not an address/],
  ];
  for (const [text, reason, message] of rows) {
    const range = parseRange(text);
    assert.ok(!isRange(range), text);
    assert.equal(range.reason, reason, text);
    assert.match(range.message, message, text);
  }
});

test('a range is written in its usual form', () => {
  for (const text of ['192.0.2.0/30', '192.0.2.7', '192.0.2.7-192.0.2.9', '2001:db8::/64', '2001:db8::1-2001:db8::3']) {
    const range = parseRange(text);
    assert.ok(isRange(range));
    assert.equal(formatRange(range), text);
  }
});

/** Ranges among 61 addresses of both families. */
const ranges = fc.array(
  fc
    .tuple(fc.bigInt(0n, 60n), fc.bigInt(0n, 60n), fc.constantFrom('IPv4' as const, 'IPv6' as const))
    .map(([a, b, family]): IpRange => (a < b ? { family, first: a, last: b } : { family, first: b, last: a })),
);

/** All addresses in the ranges, computed in the simplest way. */
function members(of: readonly IpRange[]): ReadonlySet<string> {
  const all = new Set<string>();
  for (const { family, first, last } of of)
    for (let value = first; value <= last; value++) all.add(`${family} ${value}`);
  return all;
}

function assertSame(set: RangeSet, expected: ReadonlySet<string>): void {
  assert.deepEqual([...members(set)].sort(), [...expected].sort());
  assert.deepEqual(set, rangeSet(set), 'sorted, without overlap');
}

test('a set of ranges holds the addresses of its ranges, also after subtraction and intersection', () => {
  fc.assert(
    fc.property(ranges, ranges, (one, other) => {
      const [a, b] = [rangeSet(one), rangeSet(other)];
      const [inA, inB] = [members(one), members(other)];
      assertSame(a, inA);
      assertSame(subtract(a, b), new Set([...inA].filter((item) => !inB.has(item))));
      assertSame(intersect(a, b), new Set([...inA].filter((item) => inB.has(item))));
    }),
  );
});

test('a set knows its size and finds addresses', () => {
  fc.assert(
    fc.property(ranges, (of) => {
      const set = rangeSet(of);
      for (const family of ['IPv4', 'IPv6'] as const) {
        let size = 0n;
        for (let value = 0n; value <= 61n; value++) {
          const expected = of.some((range) => range.family === family && range.first <= value && value <= range.last);
          assert.equal(holds(set, family, value), expected);
          if (expected) size++;
        }
        assert.equal(sizeOf(set, family), size);
      }
    }),
  );
});
