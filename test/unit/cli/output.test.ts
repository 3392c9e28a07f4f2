/** The output for people (tables, ages, colors), and the same facts for programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderAnswer } from '../../../src/cli/output/answer.ts';
import { colorsFor, plain, widthOf } from '../../../src/cli/output/colors.ts';
import { ageOf, type Column, renderTable } from '../../../src/cli/output/table.ts';

interface Fruit {
  readonly name: string;
  readonly colour: string;
}

const columns: readonly Column<Fruit>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'COLOUR', cell: ({ colour }, { bad }) => bad(colour) },
  { title: 'MORE', cell: () => 'm', wide: true },
];
const fruits = [
  { name: 'banana', colour: 'yellow' },
  { name: 'fig', colour: '' },
];

test('the columns of a table are as wide as their widest cell, empty cells have a dash, and no line ends with blanks', () => {
  const style = { colors: plain, wide: false };
  assert.equal(renderTable(fruits, columns, style), 'NAME     COLOUR\nbanana   yellow\nfig      -\n');
  assert.match(renderTable(fruits, columns, { ...style, wide: true }), /^NAME {5}COLOUR {3}MORE\n/);
  assert.equal(renderTable([], columns, { ...style, empty: 'no fruit' }), 'no fruit\n');
});

test('only terminals get colors, and colors do not shift columns', () => {
  const colors = colorsFor(true, { noColor: false });
  const table = renderTable(fruits, columns, { colors, wide: true });
  assert.ok(table.includes('\x1b[31myellow\x1b[0m   m\n'));
  for (const one of [colorsFor(false, { noColor: false }), colorsFor(true, { noColor: true })])
    assert.equal(one, plain);
  assert.equal(widthOf(colors.good('four')), 4);
});

test('ages are as kubectl shows them', () => {
  const rows: readonly [number, string][] = [
    [-5, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [200_000, '3m20s'],
    [3_600_000, '60m'],
    [4 * 3_600_000 + 60_000, '4h1m'],
    [30 * 3_600_000, '30h'],
    [50 * 3_600_000, '2d2h'],
    [30 * 86_400_000, '30d'],
  ];
  for (const [ms, expected] of rows) assert.equal(ageOf(ms), expected);
});

test('programs get the facts, independent of the text for people', () => {
  const answer = { facts: { list: ['a'], gone: undefined }, text: () => 'for people\n' };
  assert.equal(renderAnswer(answer, 'table', { colors: plain }), 'for people\n');
  assert.deepEqual(JSON.parse(renderAnswer(answer, 'json', { colors: plain })), { list: ['a'] });
  assert.equal(renderAnswer(answer, 'yaml', { colors: plain }), 'list:\n  - a\n');
});
