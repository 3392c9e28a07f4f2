/** The columns of the matrix of promises: of every run, and of a run with all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, columnName, columns, columnsOf } from '../../cluster/promises/column.ts';

const modes = ['iptables', 'nftables'] as const;

/** All pairs of a column's three settings. */
function pairsIn({ proxyMode, handOff, distribution }: Column): readonly string[] {
  return [`${proxyMode} ${handOff}`, `${proxyMode} ${distribution}`, `${handOff} ${distribution}`];
}

test('half of the columns have every pair of settings that all columns have', () => {
  const some = modes.flatMap((mode) => columnsOf(mode, false));
  assert.equal(columns.length, 8);
  assert.equal(some.length, 4);
  assert.deepEqual(new Set(some.flatMap(pairsIn)), new Set(columns.flatMap(pairsIn)));
});

test('a run with all columns has each of them, and a kube-proxy mode outside the matrix has four columns in every run', () => {
  const all = modes.flatMap((mode) => columnsOf(mode, true)).map(columnName);
  assert.deepEqual(all, columns.map(columnName));
  assert.equal(columnsOf('ipvs', false).length, 4);
});
