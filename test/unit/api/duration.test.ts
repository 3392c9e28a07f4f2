import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../../../src/api/duration.ts';

test('a duration is parsed with its unit, or not at all', () => {
  const rows: readonly [string, number | undefined][] = [
    ['1500ms', 1500],
    ['15s', 15_000],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1m1s1ms', 61_001],
    ['1.5s', 1500],
    ['0s', 0],
    ['', undefined],
    ['15', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1s ', undefined],
    ['1d', undefined],
    ['1S', undefined],
    ['1.s', undefined],
    ['1m30', undefined],
    ['1us', undefined],
  ];
  for (const [text, ms] of rows) assert.equal(parseDuration(text), ms, JSON.stringify(text));
});
