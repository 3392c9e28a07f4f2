/**
 * The list of mutations fits the present sources, so that it does not become outdated. `npm run
 * mutate` tests what the mutations show.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mutations } from '../mutations/list.ts';
import { mutate } from '../mutations/mutation.ts';

const all = Object.values(mutations).flat();

test('every mutation changes a text that its file has exactly once, and the result can run', () => {
  for (const mutation of all) {
    const source = readFileSync(`src/${mutation.file}`, 'utf8');
    assert.notEqual(mutate(source, mutation), source, mutation.id);
  }
});

test('every mutation names tests that exist', () => {
  for (const { id, tests } of all) {
    for (const file of tests) assert.ok(existsSync(`test/${file}`), `mutation ${id}: no file test/${file}`);
  }
});

test('every mutation has a unique name in plain words, and a consequence in one sentence', () => {
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  for (const { id, consequence } of all) {
    assert.match(id, /^[a-z]+(-[a-z]+)+$/);
    assert.match(consequence, /^[^.]+(\.\d[^.]*)*\.$/, id);
  }
});
