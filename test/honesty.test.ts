/**
 * Keeps the tests honest. No test is skipped. Only the tests in one list are expected to fail, and every entry
 * of that list is a real test.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expectedFailures } from './honesty/expected-failures.ts';

const self = 'test/honesty.test.ts';
const files = globSync('test/**/*.ts').filter((file) => file !== self && !file.startsWith('test/honesty/'));
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));

test('every expected failure is a promise in the file that the list names', () => {
  const stated = (name: string, file: string) => {
    const source =
      sources
        .get(`test/${file}`)
        ?.replaceAll("\\'", "'")
        .replace(/promise\(\s+/g, 'promise(') ?? '';
    return ["'", '"', '`'].some((quote) => source.includes(`promise(${quote}${name}${quote}`));
  };
  const missing = Object.entries(expectedFailures).filter(([name, { file }]) => !stated(name, file));
  assert.deepEqual(missing, []);
});

test('no test is skipped, marked as todo, or expected to fail in another way', () => {
  const calls = /\b(?:expectFailure|(?:test|it|describe|suite)\.(?:skip|todo|only)|t\.(?:skip|todo))\b/;
  const options = /\b(?:skip|only): *(?:true|['"`])|\btodo: *true/;
  const forbidden = new RegExp(`${calls.source}|${options.source}`);
  const found = [...sources].filter(([, source]) => forbidden.test(source)).map(([file]) => file);
  assert.deepEqual(found, []);
});

test('every random test uses the seed of the run', () => {
  const found = [...sources].filter(([, source]) => /from 'fast-check'/.test(source)).map(([file]) => file);
  assert.deepEqual(found, ['test/property.ts']);
});
