/** Source ranges mean what they mean for Kubernetes, in every spelling that it accepts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRange } from '../../../src/addr/range.ts';
import { handOffOf } from '../../../src/api/hand-off.ts';
import { admittedFrom, parseSourceRanges } from '../../../src/api/source-ranges.ts';
import { service } from '../fixtures.ts';

/** The range that a text stands for; undefined if it is none. */
function read(text: string): string | undefined {
  const [range] = parseSourceRanges([text]).sourceRanges;
  return range && formatRange(range);
}

test('a range is read as ParseCIDRSloppy of k8s.io/utils/net reads it', () => {
  const rows: Readonly<Record<string, string | undefined>> = {
    '10.0.0.0/8': '10.0.0.0/8',
    ' 10.1.2.3/8\n': '10.0.0.0/8',
    '010.0.0.0/08': '10.0.0.0/8',
    '000010.00.000.0/0000008': '10.0.0.0/8',
    '192.0.2.1/32': '192.0.2.1',
    '2001:0db8::/32': '2001:db8::/32',
    '2001:000000db8::/032': '2001:db8::/32',
    '::ffff:10.0.0.0/104': '10.0.0.0/8',
    '::ffff:0a00:0000/104': '10.0.0.0/8',
    '0:0:0:0:0:ffff:010.0.0.1/128': '10.0.0.1',
    '::ffff:10.0.0.0/96': '0.0.0.0/0',
    '::ffff:10.0.0.0/95': '::fffe:0:0/95',
    '10.0.0.0': undefined,
    '10.0.0.0/33': undefined,
    '10.0.0.0/-1': undefined,
    '10.0.0.0/8/9': undefined,
    '10.0.0/8': undefined,
    '256.0.0.0/8': undefined,
    '0x10.0.0.0/8': undefined,
    '10.0.0.0/8x': undefined,
    'fe80::%eth0/64': undefined,
    '2001:db8::/129': undefined,
    '12001:db8::/32': undefined,
    '': undefined,
    '/8': undefined,
  };
  for (const [text, range] of Object.entries(rows)) assert.equal(read(text), range, JSON.stringify(text));
});

test('ranges of one family do not limit the other one, and an entry that cannot be read admits no client', () => {
  const admitted = (...texts: readonly string[]) => {
    const ranges = parseSourceRanges(texts);
    return (['IPv4', 'IPv6'] as const).map((family) => admittedFrom(ranges, family)?.map(formatRange));
  };
  assert.deepEqual(admitted(), [undefined, undefined]);
  assert.deepEqual(admitted('10.0.0.0/8'), [['10.0.0.0/8'], undefined]);
  assert.deepEqual(admitted('everybody'), [[], []]);
  assert.deepEqual(admitted('everybody', '10.0.0.0/8'), [['10.0.0.0/8'], []]);
  assert.deepEqual(admitted('0.0.0.0/0', '::/0'), [undefined, undefined]);
});

test('the condition names an entry that cannot be read', () => {
  const choice = handOffOf(service('s', { handOff: 'NodePort', unreadableRanges: ['everybody'] }), 'KubeProxy');
  assert.deepEqual(choice, {
    handOff: 'NodePort',
    reason: 'UnreadableSourceRange',
    message: 'source range "everybody" is not a CIDR: it admits no client',
  });
});
