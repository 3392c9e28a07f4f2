/** The columns of the matrix of promises that every run has, and those that a run of all has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, columnName, columns, columnsOf } from '../../cluster/promises/column.ts';

const modes = ['iptables', 'nftables'] as const;

/** Every two of a column's three settings. */
function pairsIn({ proxyMode, handOff, distribution }: Column): readonly string[] {
  return [`${proxyMode} ${handOff}`, `${proxyMode} ${distribution}`, `${handOff} ${distribution}`];
}

test('half of the columns have every pair of settings that all columns have', () => {
  const some = modes.flatMap((mode) => columnsOf(mode, false));
  assert.equal(columns.length, 8);
  assert.equal(some.length, 4);
  assert.deepEqual(new Set(some.flatMap(pairsIn)), new Set(columns.flatMap(pairsIn)));
});

test('a run of all has every column, and so has a mode of kube-proxy that is not in the matrix', () => {
  const all = modes.flatMap((mode) => columnsOf(mode, true)).map(columnName);
  assert.deepEqual(all, columns.map(columnName));
  assert.equal(columnsOf('ipvs', false).length, 4);
});
