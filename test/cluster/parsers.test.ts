/**
 * What people type, as Berth reads it and as Kubernetes reads it: the parsers of k8s.io/utils/net, of sigs.k8s.io/yaml and of Go. Each
 * difference stands in a table with its reason, and each row of the table has an example, so that the table contains nothing else.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Family, type Ip, ipFromNumber, parseIp } from '../../src/addr/ip.ts';
import { type IpRange, isRange, parseRange } from '../../src/addr/range.ts';
import { parseFlag } from '../../src/api/annotations.ts';
import { parseDuration } from '../../src/api/duration.ts';
import { parseService } from '../../src/api/service.ts';
import { parseSourceRanges } from '../../src/api/source-ranges.ts';
import { readYaml } from '../../src/cli/yaml/read.ts';
import { writeYaml } from '../../src/cli/yaml/write.ts';
import { ensureProgram } from '../lab/binaries.ts';
import { mustRun } from '../lab/run.ts';
import { fc } from '../property.ts';
import { seed } from '../runner/seed.ts';

let program = '';
before(async () => {
  program = await ensureProgram('parsers', (line) => console.error(line));
});

/** A value of JSON; null if the text is refused. */
type Value = unknown;

/** Why some texts are read in two ways. */
interface Difference {
  readonly why: string;
  readonly example: string;
  readonly when: (text: string, ours: Value, theirs: Value) => boolean;
}

interface Subject {
  readonly ours: (text: string) => Value;
  readonly texts: fc.Arbitrary<string>;
  readonly differences: readonly Difference[];
}

/** An address as the package net of Go writes it: an IPv4-mapped one is an IPv4 address. */
function addressText(ip: Ip): string {
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(ip);
  if (mapped === null) return ip;
  const [high, low] = [mapped[1], mapped[2]].map((group) => BigInt(`0x${group}`));
  return ipFromNumber(((high ?? 0n) << 16n) | (low ?? 0n), 'IPv4');
}

function rangeText({ first, last, family }: IpRange): Value {
  return { first: addressText(ipFromNumber(first, family)), last: addressText(ipFromNumber(last, family)) };
}

const odd = fc.constantFrom(
  '256',
  '01',
  '001',
  '00',
  '000',
  '',
  ' 1',
  '1 ',
  '0x1',
  '1e1',
  '-1',
  '+1',
  '٣',
  '1_0',
  '1:',
);
const octet = fc.oneof({ weight: 12, arbitrary: fc.nat({ max: 255 }).map(String) }, { weight: 1, arbitrary: odd });
const four = fc.array(octet, { minLength: 3, maxLength: 5, size: 'max' }).map((all) => all.join('.'));
const exactlyFour = fc.array(octet, { minLength: 4, maxLength: 4 }).map((all) => all.join('.'));
const group = fc.oneof(
  { weight: 12, arbitrary: fc.nat({ max: 0xffff }).map((value) => value.toString(16)) },
  { weight: 6, arbitrary: fc.constantFrom('0', '0000', '00ab', 'ABCD', 'ffff') },
  { weight: 1, arbitrary: fc.constantFrom('', '12345', '00001', 'g', '-1', ' ') },
);
const six = fc
  .tuple(
    fc.array(group, { maxLength: 6 }),
    fc.array(group, { maxLength: 5 }),
    fc.constantFrom('', '', ':192.0.2.1', ':192.0.2.01'),
  )
  .map(([head, tail, end]) => `${head.join(':')}::${tail.join(':')}${end}`)
  .chain((text) => fc.constantFrom(text, text, text.replace('::', ':'), `${text}%1`, `${text}::`, text.toUpperCase()));
const mapped = exactlyFour.map((text) => `::ffff:${text}`);
const address = fc.oneof({ weight: 4, arbitrary: exactlyFour }, four, { weight: 4, arbitrary: six }, mapped);
/** Go's TrimSpace and JavaScript's trim differ in two characters: U+0085 and U+FEFF. */
const space = fc.constantFrom('', '', '', '', ' ', '\t', '\n', '\r\n', '\u00a0', '\u2003', '\u0085', '\ufeff', '\0');
const spaced = (text: fc.Arbitrary<string>) => fc.tuple(space, text, space).map((parts) => parts.join(''));
const prefix = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 33 }).map(String) },
  { weight: 4, arbitrary: fc.nat({ max: 130 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '08', '008', '0032', '+8', '-1', ' 8', '8 ', '0x8', '1e1', '255.255.255.0', '٣'),
  },
);
const cidr = fc.tuple(address, prefix).map((parts) => parts.join('/'));
const pair = fc.tuple(spaced(address), spaced(address)).map((parts) => parts.join('-'));
const soundPair = fc
  .tuple(fc.constantFrom<Family>('IPv4', 'IPv6'), fc.bigInt(0n, 2n ** 32n - 1n), fc.bigInt(-3n, 2n ** 20n))
  .map(([family, first, size]) => {
    const last = (first + size) & (2n ** 32n - 1n);
    return `${ipFromNumber(first, family)}-${ipFromNumber(last, family)}`;
  });
const noise = fc.string({ unit: fc.constantFrom(...'0123456789abcfx.:/-%, +e\tyYnoNtTrufls~_'), maxLength: 24 });

/** Numbers with leading zeros are decimal for Kubernetes and octal for others (RFC 6943, section 3.1.1). */
const leadingZeros = (ours: Subject['ours'], example: string): Difference => ({
  why: 'Berth refuses an address with leading zeros, and names it: it has two meanings',
  example,
  when: (text, own, theirs) =>
    own === null && theirs !== null && isSame(ours(text.replace(/(?<![0-9a-f])0+(?=[0-9a-f])/gi, '')), theirs),
});
const spaces = (example: string): Difference => ({
  why: 'JavaScript takes the byte order mark for a space, Go takes U+0085 for one. Nobody types them; what is refused is named',
  example,
  when: (text) => /[\u0085\ufeff]/.test(text),
});
const readAddress = (text: string) => {
  const ip = parseIp(text);
  return ip === undefined ? null : addressText(ip);
};
const readRange = (text: string) => {
  const range = parseRange(text);
  return isRange(range) ? rangeText(range) : null;
};

/** Texts of YAML: a scalar as a value, as a key or in a list. */
const scalarText = fc.oneof(
  noise.map((text) => text.trim()),
  fc.constantFrom(
    'yes',
    'No',
    'ON',
    'y',
    'N',
    'null',
    '~',
    'True',
    '.inf',
    '.5',
    '1e3',
    '0x1F',
    '0X1f',
    '010',
    '08',
    '0o17',
    '0O7',
    '0b11',
    '1_000',
    '-0b1',
  ),
  fc
    .tuple(
      fc.constantFrom('', '-', '+'),
      fc.constantFrom('0', '0x', '0X', '0b', '0B', '0o', '0O', '1', '.', '1.', '1e', ''),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef_.eE'), maxLength: 6 }),
    )
    .map((parts) => parts.join('')),
  fc.tuple(fc.nat({ max: 3000 }), fc.nat({ max: 13 }), fc.nat({ max: 32 })).map((parts) => parts.join('-')),
  fc.bigInt(-(2n ** 66n), 2n ** 66n).map(String),
);
const yamlText = fc
  .tuple(scalarText, fc.constantFrom('a: ', '- ', 'a: &x ', '- - ', '"b": ', 'a:\n  c: '))
  .map(([text, before]) => `${before}${text}\n`);

const subjects: Readonly<Record<string, Subject>> = {
  address: {
    ours: readAddress,
    texts: fc.oneof({ weight: 9, arbitrary: address }, spaced(address), noise),
    differences: [leadingZeros(readAddress, '010.1.2.3')],
  },
  range: {
    ours: readRange,
    texts: fc.oneof({ weight: 3, arbitrary: cidr }, { weight: 3, arbitrary: pair }, soundPair, spaced(address), noise),
    differences: [
      spaces('\ufeff192.0.2.1'),
      leadingZeros(readRange, '010.0.0.0/8'),
      {
        why: 'an IPv4-mapped address is an IPv6 address for Berth; the API server refuses it in a pool',
        example: '::ffff:192.0.2.1-2001:db8::1',
        when: (text) => /(^|[^0-9a-f])[0:]*:0*ffff:/i.test(text),
      },
    ],
  },
  'source range': {
    ours: (text) => {
      const [range] = parseSourceRanges([text]).sourceRanges;
      return range === undefined ? null : rangeText(range);
    },
    texts: fc.oneof({ weight: 6, arbitrary: cidr }, spaced(cidr), address, noise),
    differences: [spaces('192.0.2.0/28\u0085')],
  },
  addresses: {
    ours: (text) => {
      const metadata = { name: 's', uid: '', resourceVersion: '', annotations: { 'metallb.io/loadBalancerIPs': text } };
      const found = parseService({ metadata, spec: {} }).requests.map(parseIp);
      return found.includes(undefined) ? null : found.map((ip) => addressText(ip as Ip));
    },
    texts: fc.array(spaced(address), { minLength: 1, maxLength: 3 }).map((all) => all.join(',')),
    differences: [
      spaces('192.0.2.1\u0085'),
      {
        why: 'Berth passes over empty elements; MetalLB refuses the whole list',
        example: '192.0.2.1,',
        when: (text) => text.split(',').some((one) => one.trim() === ''),
      },
    ],
  },
  duration: {
    ours: (text) => parseDuration(text) ?? null,
    texts: fc.oneof(
      fc
        .array(
          fc
            .tuple(
              fc.oneof(
                fc.nat({ max: 99_999 }).map(String),
                fc.constantFrom('1.5', '.5', '1.', '', '-1', '+1', '0', '00', '2400000000'),
              ),
              fc.constantFrom('ms', 's', 'm', 'h', 'us', 'ns', 'µs', 'd', '', 'S'),
            )
            .map((parts) => parts.join('')),
          { maxLength: 3 },
        )
        .map((all) => all.join('')),
      noise,
    ),
    differences: [
      {
        why: 'Berth has no signs and no units below a millisecond, and wants digits on both sides of a point; nor does the API server let them pass',
        example: '+1.5us',
        when: (text, own, theirs) =>
          own === null && theirs !== null && /[-+]|[nuµμ]s|^0+$|(?<!\d)\.|\.(?!\d)/.test(text),
      },
      {
        why: 'Go cuts off what is below a nanosecond',
        example: '1.2644973172s',
        when: (_, own, theirs) => Math.abs(Number(own ?? Number.NaN) - Number(theirs ?? Number.NaN)) < 1e-5,
      },
      {
        why: 'the longest duration of Go is 292 years (64 bits of nanoseconds)',
        example: '2400000000h',
        when: (_, own, theirs) => theirs === null && typeof own === 'number' && own >= 2 ** 63 / 1e6,
      },
    ],
  },
  flag: {
    ours: (text) => parseFlag(text) ?? null,
    texts: spaced(
      fc.oneof(
        fc.constantFrom(
          'true',
          'false',
          'yes',
          'no',
          'y',
          'n',
          't',
          'f',
          'T',
          'F',
          '1',
          '0',
          'on',
          'off',
          'enabled',
          'disabled',
          'TRUE',
          'tRuE',
          'None',
          '',
        ),
        noise,
      ),
    ),
    differences: [
      {
        why: 'Berth also reads yes, no, on, off, enabled and disabled, in any case and with spaces around them',
        example: ' Yes\n',
        when: (text, own, theirs) =>
          theirs === null &&
          own !== null &&
          /^(y|n|yes|no|on|off|enabled|disabled|true|false|t|f|1|0)$/i.test(text.trim()),
      },
    ],
  },
  yaml: {
    ours: (text) => {
      const [document, ...more] = readYaml(text);
      return document === undefined || document.fault !== undefined || more.length > 0 ? null : document.value;
    },
    texts: yamlText,
    differences: [
      {
        why: 'JSON has no infinity and no NaN: kubectl refuses the whole document, Berth keeps the text, which no field accepts',
        example: 'a: .inf\n',
        when: (text, _, theirs) => theirs === null && /[-+]?\.(inf|nan)/i.test(text),
      },
      {
        why: 'a mapping without a key has the key null, and kubectl refuses it; for Berth the key is empty, and no field has that name',
        example: '- :\n',
        when: (text, _, theirs) => theirs === null && /(^|[\s,{?]):(\s|$)|(~|null)\s*:/i.test(text),
      },
      {
        why: 'YAML 1.2 lets a tab stand where a space separates two tokens; the reader of kubectl refuses some of them',
        example: '- - -\tf3\n',
        when: (text, _, theirs) => theirs === null && text.includes('\t'),
      },
    ],
  },
};

/** For each parser: more than 100,000 texts in all. */
const runs = 20_000;

for (const [parser, { ours, texts, differences }] of Object.entries(subjects))
  test(`Berth reads a text as Kubernetes does, but for the differences of the table: ${parser}`, async () => {
    const examples = differences.map(({ example }) => example);
    const asked = [...examples, ...new Set(fc.sample(texts, { numRuns: runs, seed: seed() }))];
    const input = asked.map((text) => `${JSON.stringify({ parser, text })}\n`).join('');
    const answers = (await mustRun([program], { input })).trimEnd().split('\n');
    assert.equal(answers.length, asked.length);
    const unexplained = new Map<string, string>();
    for (const [i, text] of asked.entries()) {
      const theirs = normal(answers[i] ?? '');
      const own = normal(JSON.stringify(ours(text)));
      if (isSame(own, theirs)) {
        assert.ok(i >= examples.length, `the example ${JSON.stringify(text)} is no difference any more`);
        continue;
      }
      const row = differences.find(({ when }) => when(text, own, theirs));
      if (i < examples.length)
        assert.equal(row, differences[i], `the example ${JSON.stringify(text)} has another reason`);
      if (row === undefined)
        unexplained.set(JSON.stringify(text), `${JSON.stringify(own)}, Kubernetes: ${JSON.stringify(theirs)}`);
    }
    assert.equal(
      unexplained.size,
      0,
      [...unexplained]
        .slice(0, 20)
        .map((one) => one.join(': '))
        .join('\n'),
    );
    const read = asked.filter((text, i) => answers[i] !== 'null' || ours(text) !== null).length;
    assert.ok(read > 200, `only ${read} texts mean something`);
  });

test('kubectl reads what the tool writes, unchanged', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    scalarText,
    noise,
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.boolean(),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(text, tie('any'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).any;
  const objects = fc.sample(fc.record({ a: value, b: value }), { numRuns: 2_000, seed: seed() });
  const input = objects.map((object) => `${JSON.stringify({ parser: 'yaml', text: writeYaml(object) })}\n`).join('');
  const answers = (await mustRun([program], { input })).trimEnd().split('\n');
  for (const [i, object] of objects.entries())
    assert.ok(isSame(normal(answers[i] ?? ''), normal(JSON.stringify(object))), `${writeYaml(object)}\n${answers[i]}`);
});

/** The value of a JSON text. It has one zero only, and numbers of 15 digits, because the order of a sum changes the last one. */
function normal(json: string): Value {
  return JSON.parse(json, (_, value: Value) =>
    typeof value === 'number' ? Number(value.toPrecision(15)) || 0 : value,
  );
}

function isSame(a: Value, b: Value): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
