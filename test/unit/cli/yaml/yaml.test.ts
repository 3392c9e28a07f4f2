/** YAML as kubectl reads it, and YAML that every reader understands alike. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { readManifests } from '../../../../src/cli/commands/manifests.ts';
import { renderAnswer } from '../../../../src/cli/output/answer.ts';
import { plain } from '../../../../src/cli/output/colors.ts';
import { readYaml } from '../../../../src/cli/yaml/read.ts';
import { writeYaml } from '../../../../src/cli/yaml/write.ts';
import { fc } from '../../../property.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-yaml-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const scalar = (text: string) => (readYaml(`a: ${text}\n`).at(0)?.value as Record<string, unknown> | undefined)?.a;

test('plain scalars have the values that kubectl reads in them', () => {
  const rows: Readonly<Record<string, unknown>> = {
    ...{ yes: true, Yes: true, YES: true, yEs: 'yEs', on: true, y: true, Y: true, True: true, TRUE: true },
    ...{ no: false, No: false, off: false, n: false, N: false, false: false },
    ...{ '~': null, null: null, Null: null, '': null, nil: 'nil' },
    ...{
      '010': 8,
      '-010': -8,
      '08': 8,
      '0': 0,
      '-0': 0,
      '0o17': 15,
      '0O17': 15,
      '0b11': 3,
      '0B11': 3,
      '0x1F': 31,
      '0X1f': 31,
    },
    ...{
      '1_000': 1000,
      '0x_1f': 31,
      '._5': '._5',
      '.0_5': 0.05,
      '0b-1': -1,
      '+5': 5,
      '1.5': 1.5,
      '.5': 0.5,
      '1.': 1,
      '1e3': 1000,
      '1e': '1e',
    },
    ...{
      '18446744073709551615': 2 ** 64,
      '99999999999999999999': 1e20,
      '0xfffffffffffffffff': '0xfffffffffffffffff',
    },
    ...{ '1e999': '1e999', '.inf': '.inf', '2001-01-01': '2001-01-01', '12:30:45': '12:30:45', '1.2.3.4': '1.2.3.4' },
    ...{ '-x': '-x', '"no"': 'no', "'010'": '010', '!!str no': 'no', '!!bool no': false },
  };
  for (const [text, value] of Object.entries(rows)) assert.deepEqual(scalar(text), value, text);
});

test('the documents of a file stand alone: one that cannot be read hides none of the others', () => {
  const text = 'a: 1\na: 2\n--- # next\n{{ range }}: [\n---\nb: yes\n---\n\tc: 1\n---\n# nothing\n---\n- d\n';
  const documents = readYaml(text);
  assert.deepEqual(
    documents.map(({ line, value }) => [line, value]),
    [
      [1, { a: 2 }],
      [4, undefined],
      [6, { b: true }],
      [8, undefined],
      [12, ['d']],
    ],
  );
  assert.match(documents[0]?.warnings[0] ?? '', /^line 2: /);
  assert.match(documents[3]?.fault ?? '', /^line 8: Tabs/);
});

test('directives, JSON with tabs, merge keys and a byte order mark are read; an alias bomb is a fault', () => {
  const only = (text: string) => readYaml(text).map(({ value, fault }) => value ?? fault);
  assert.deepEqual(only('# x\n%YAML 1.2\n---\na: no\n'), [{ a: false }]);
  assert.deepEqual(only('{\n\t"a": ["no"]\n}\n'), [{ a: ['no'] }]);
  assert.deepEqual(only('\uFEFFa: &x { b: 1 }\nc: { <<: *x }\r\n'), [{ a: { b: 1 }, c: { b: 1 } }]);
  const nine = (letter: string) => `[${Array(9).fill(`*${letter}`).join(', ')}]`;
  const bomb = `a: &a [x]\nb: &b ${nine('a')}\nc: &c ${nine('b')}\nd: ${nine('c')}\n`;
  assert.match(String(only(bomb)[0]), /^line 1: Excessive alias count/);
});

const texts = [
  'yes',
  'on',
  'n',
  'No',
  '0X1F',
  '0O17',
  '1_0',
  '010',
  '1e3',
  'E0',
  '.5',
  'null',
  '',
  'a: b',
  'a #b',
  '- a',
  'a\nb',
  '2001-01-01',
  'a\u007fb',
  'a\u0085b',
  'a\u2028b',
  '\ufeff',
];
for (const text of texts)
  test(`a text stays a text for every reader, as a key and as a value: ${JSON.stringify(text)}`, () => {
    const object = { [text]: text, list: [text] };
    const written = writeYaml(object);
    assert.deepEqual(parse(written), object, 'YAML 1.2');
    assert.deepEqual(parse(written, { version: '1.1' }), object, 'YAML 1.1');
    assert.deepEqual(readYaml(written)[0]?.value, object, 'kubectl');
    assert.equal(renderAnswer({ facts: object, text: () => '' }, 'yaml', { colors: plain }), written);
  });

test('what is written is read back unchanged by readers of both versions', () => {
  const value = fc.jsonValue({ stringUnit: 'grapheme-ascii' });
  const object = fc.record({ a: value, b: value }).map((one) => JSON.parse(JSON.stringify(one)) as unknown);
  fc.assert(
    fc.property(object, (before) => {
      const written = writeYaml(before);
      assert.deepEqual(readYaml(written)[0]?.value, before);
      assert.deepEqual(parse(written, { version: '1.1' }), before);
      assert.deepEqual(parse(written), before);
    }),
  );
});

test('usual values stay without quotes', () => {
  const object = {
    apiVersion: 'berth.dev/v1beta1',
    addresses: ['192.0.2.10-192.0.2.99', '192.0.2.0/28'],
    message: 'no address, yet (1)',
  };
  assert.doesNotMatch(writeYaml(object), /"/);
});

test('plan reads values as kubectl does, and names documents without a kind', async () => {
  const file = join(folder, 'plan.yaml');
  const pool = 'apiVersion: berth.dev/v1beta1\nkind: IPAddressPool\nmetadata: { name: p }\nspec: { autoAssign: no }\n';
  writeFileSync(file, `${pool}---\nconfigInline: {}\n---\napiVersion: v1\nkind: List\nitems: [null]\n`);
  const { manifests, others } = await readManifests([file]);
  assert.deepEqual(
    manifests.map(({ spec }) => spec),
    [{ autoAssign: false }],
  );
  assert.deepEqual(others, ['a document without a kind']);
});

test('the ends of lines on Windows and of old Macs are those of Linux', () => {
  const files = [
    '# comment\n---\na: 1 # comment\nb:\n  - x\n  - "y\n    z"\nc: |\n  one\n  two\nd: plain\n  more\n---\na: no\n',
    '# comment\n%YAML 1.1\n---\na: 1\n---\n{"a": 1}\n',
    'a: 1\n---\nb: [1,\n  2]\n...\n---\nc: >-\n  x\n\n  y\nd: "\\\n  k"\n',
    '{\n  "a": 1\n}\n',
  ];
  const read = (text: string) => readYaml(text).map(({ line, value, fault }) => ({ line, value, fault }));
  for (const file of files) {
    for (const end of ['\r\n', '\r']) assert.deepEqual(read(file.replaceAll('\n', end)), read(file));
    assert.deepEqual(
      read(file).filter(({ fault }) => fault !== undefined),
      [],
    );
  }
});

test('a plan refuses a file that is not UTF-8, as Windows PowerShell writes it', async () => {
  const file = join(folder, 'utf16.yaml');
  writeFileSync(file, Buffer.from('\ufeffapiVersion: berth.dev/v1beta1\nkind: IPAddressPool\n', 'utf16le'));
  await assert.rejects(readManifests([file]), /is not UTF-8/);
});
