/**
 * Addresses and ranges as people type them, compared with Node's own parsers and the arithmetic of
 * the test oracle.
 */
import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import { allocationName, ipFromNumber, ipToNumber, parseIp } from '../../../src/addr/ip.ts';
import { isRange, parseRange } from '../../../src/addr/range.ts';
import { holds } from '../../../src/addr/range-set.ts';
import { addressIn, type Family, rangeIn, textOf } from '../../oracle/addresses.ts';
import { fc } from '../../property.ts';

const numRuns = 3_000;

const octet = fc.oneof(
  { weight: 20, arbitrary: fc.nat({ max: 255 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('256', '01', '00', '', ' 1', '0x1', '1e1', '-1', '٣') },
);
const four = fc
  .array(octet, { minLength: 4, maxLength: 4 })
  .map((octets) => octets.join('.'))
  .chain((text) => fc.constantFrom(text, text, text, text, `${text}.`, text.replace('.', ''), `${text}%eth0`));
const group = fc.oneof(
  { weight: 20, arbitrary: fc.nat({ max: 0xffff }).map((value) => value.toString(16)) },
  { weight: 10, arbitrary: fc.constantFrom('0', '0000', '00ab', 'ABCD') },
  { weight: 1, arbitrary: fc.constantFrom('', '12345', 'g', '-1') },
);
const six = fc
  .tuple(
    fc.array(group, { maxLength: 5 }),
    fc.array(group, { maxLength: 4 }),
    fc.constantFrom('', '', '', ':192.0.2.1'),
  )
  .map(([head, tail, end]) => `${head.join(':')}::${tail.join(':')}${end}`)
  .chain((text) => fc.constantFrom(text, text, text.replace('::', ':'), `${text}%1`, `${text}::`));
const address = fc.oneof(four, six);
/** Well-formed addresses only, so that the ranges are well-formed. */
const sound = fc.oneof(
  fc.bigInt(0n, 2n ** 32n - 1n).map((value) => ipFromNumber(value, 'IPv4')),
  fc.bigInt(0n, 2n ** 128n - 1n).map((value) => ipFromNumber(value, 'IPv6')),
);

test('a text is an address where Node accepts it, and has one canonical spelling', () => {
  fc.assert(
    fc.property(address, (text) => {
      const ip = parseIp(text);
      const isSound = isIP(text) !== 0 && !text.includes('%');
      assert.equal(ip !== undefined, isSound, text);
      const expected = addressIn(text);
      assert.equal(ip, expected && textOf(expected), text);
      if (ip === undefined || expected === undefined) return;
      assert.equal(ipToNumber(ip), expected.value, text);
      const host = new URL(`http://${ip.includes(':') ? `[${ip}]` : ip}/`).hostname.replaceAll(/[[\]]/g, '');
      assert.equal(ip, host, 'as in a URL');
      if (!ip.includes(':')) return;
      const name = /^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/;
      assert.match(allocationName(ip), name);
      assert.deepEqual(addressIn(allocationName(ip).replaceAll('-', ':')), expected);
    }),
    { numRuns },
  );
});

const bits = fc.oneof(
  { weight: 9, arbitrary: fc.nat({ max: 128 }).map(String) },
  fc.constantFrom('', '-1', '129', '8.0', 'x'),
);
const range = fc.oneof(
  fc.tuple(sound, bits).map((parts) => parts.join('/')),
  fc.tuple(sound, sound, fc.constantFrom('-', ' - ', '-', '--')).map(([a, b, dash]) => `${a}${dash}${b}`),
  fc.tuple(sound, fc.integer({ min: -2, max: 300 })).map(([a, more]) => `${a}-${near(a, BigInt(more)) ?? a}`),
  sound,
  address,
);

/** The address that is `by` above this one. */
function near(text: string, by: bigint): string | undefined {
  const from = addressIn(text);
  const limit = from?.family === 'IPv4' ? 2n ** 32n : 2n ** 128n;
  return from && from.value + by >= 0n && from.value + by < limit
    ? textOf({ ...from, value: from.value + by })
    : undefined;
}

/** The range as a `BlockList` of Node. */
function listOf(text: string, family: Family): BlockList {
  const list = new BlockList();
  const type = family === 'IPv4' ? 'ipv4' : 'ipv6';
  const [base = '', prefix] = text.split('/');
  const [first = '', last = first] = text.split('-').map((end) => end.trim());
  if (prefix === undefined) list.addRange(first, last, type);
  else list.addSubnet(base, Number(prefix), type);
  return list;
}

test("a range holds the same addresses as Node's BlockList", () => {
  fc.assert(
    fc.property(range, sound, (text, other) => {
      const parsed = parseRange(text);
      const expected = rangeIn(text);
      assert.deepEqual(isRange(parsed) ? parsed : undefined, expected, text);
      if (expected === undefined) return;
      const list = listOf(text, expected.family);
      const ends = [expected.first, expected.last].map((value) => textOf({ family: expected.family, value }));
      const around = ends.flatMap((end) => [near(end, -1n), end, near(end, 1n)]);
      for (const one of [...around, other]) {
        const found = one === undefined ? undefined : addressIn(one);
        if (one === undefined || found?.family !== expected.family) continue;
        const isThere: boolean = list.check(one, expected.family === 'IPv4' ? 'ipv4' : 'ipv6');
        assert.equal(holds([expected], found.family, found.value), isThere, `${one} in ${text}`);
      }
    }),
    { numRuns },
  );
});
