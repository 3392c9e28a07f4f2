/** The list of mutations: each one fits the sources of today, so that the list does not rot. What they show is `npm run mutate`'s to say. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mutations } from '../mutations/list.ts';
import { mutate } from '../mutations/mutation.ts';

const all = Object.values(mutations).flat();

test('every mutation changes a text that stands once in its file, and what comes of it can be run', () => {
  for (const mutation of all) {
    const source = readFileSync(`src/${mutation.file}`, 'utf8');
    assert.notEqual(mutate(source, mutation), source, mutation.id);
  }
});

test('every mutation names tests that are there', () => {
  for (const { id, tests } of all) {
    for (const file of tests) assert.ok(existsSync(`test/${file}`), `mutation ${id}: there is no test/${file}`);
  }
});

test('every mutation has a name of its own in plain words, and a consequence in one sentence', () => {
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  for (const { id, consequence } of all) {
    assert.match(id, /^[a-z]+(-[a-z]+)+$/);
    assert.match(consequence, /^[^.]+(\.\d[^.]*)*\.$/, id);
  }
});
