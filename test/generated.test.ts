/** Files that are generated from other files are up to date and complete. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { crds, fieldRows } from '../scripts/crds-page.ts';
import { generatedFiles, stamped, valueRows } from '../scripts/generated.ts';

test('generated files are up to date', () => {
  for (const [file, text] of generatedFiles()) {
    assert.equal(readFileSync(file, 'utf8'), text, `${file} is out of date: npm run generate`);
  }
});

test('every value of the chart has a description, a type, a default and an entry in the schema', () => {
  const rows = valueRows();
  for (const { path, type, description } of rows) {
    assert.match(description, /^\S.*[.:`]$/, `${path} has no description`);
    assert.notEqual(type, '', `${path} has no type`);
  }
  const known = new Set(rows.map(({ path }) => path));
  const check = (values: object, before: string) => {
    for (const [name, value] of Object.entries(values)) {
      const path = `${before}${name}`;
      assert.ok(known.has(path), `${path} is in values.yaml, but not in the schema`);
      const row = rows.find((one) => one.path === path);
      if (row?.isGroup && !Array.isArray(value)) check(value as object, `${path}.`);
    }
  };
  check(parse(readFileSync('charts/berth/values.yaml', 'utf8')) as object, '');
  const ofParents = ['global', 'enabled'];
  const silent = rows.filter(
    ({ path, byDefault, isGroup }) => byDefault === undefined && !isGroup && !ofParents.includes(path),
  );
  assert.deepEqual(
    silent.filter(({ path }) => !path.startsWith('pools[]')).map(({ path }) => path),
    [],
    'values without a default',
  );
});

test('the schema annotation of a CRD depends on its spec only', () => {
  const crd = 'kind: CustomResourceDefinition\nmetadata:\n  name: a\nspec:\n  scope: Cluster\n';
  const once = stamped(crd);
  assert.match(once, /^metadata:\n {2}name: a\n {2}annotations:\n {4}berth\.dev\/schema: [0-9a-f]{16}\nspec:\n/m);
  assert.equal(stamped(once), once);
  assert.notEqual(stamped(crd.replace('Cluster', 'Namespaced')), stamped(crd).replace('Cluster', 'Namespaced'));
});

test('every field of a CRD has a description', () => {
  for (const crd of crds()) {
    const rows = fieldRows(crd);
    assert.ok(rows.length > 5);
    for (const { path, type, description } of rows) {
      assert.match(description, /^\S.*[.?]$/s, `${crd.spec.names.kind} ${path} has no description`);
      assert.notEqual(type, '', `${crd.spec.names.kind} ${path} has no type`);
    }
  }
});
