import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keepTimes, longestFirst, readTimes } from '../../runner/times.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-times-'));
after(() => rmSync(folder, { recursive: true }));

test('the longest files come first, and files without a known time before them', () => {
  const times = { 'short.test.ts': 1_000, 'long.test.ts': 9_000 };
  assert.deepEqual(longestFirst(['long.test.ts', 'new.test.ts', 'short.test.ts'], times), [
    ...['new.test.ts', 'long.test.ts', 'short.test.ts'],
  ]);
});

test('files without a known time keep their order', () => {
  assert.deepEqual(longestFirst(['a.test.ts', 'b.test.ts', 'c.test.ts'], {}), ['a.test.ts', 'b.test.ts', 'c.test.ts']);
});

test('a run keeps its times next to those of earlier runs', () => {
  const path = join(folder, 'new', 'times.json');
  keepTimes({ 'a.test.ts': 10.4, 'b.test.ts': 20 }, path);
  keepTimes({ 'b.test.ts': 5 }, path);
  assert.deepEqual(readTimes(path), { 'a.test.ts': 10, 'b.test.ts': 5 });
});

test('a damaged file counts as empty', () => {
  const path = join(folder, 'damaged.json');
  writeFileSync(path, '{"a.test.ts": ');
  assert.deepEqual(readTimes(path), {});
});
