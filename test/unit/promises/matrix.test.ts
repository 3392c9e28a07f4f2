/** The matrix that a test run prints at its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMatrix } from '../../cluster/promises/matrix.ts';

test('the matrix has a line for each row, a cell for each column, and below them why a row does not apply', () => {
  const text = renderMatrix([
    { row: 'UDP', column: 'a', result: 'pass' },
    { row: 'no nodePorts', column: 'a', result: 'pass' },
    { row: 'UDP', column: 'b', result: 'FAIL' },
    { row: 'no nodePorts', column: 'b', result: 'there is nothing to hand over to' },
    { row: 'hostNetwork', column: 'b', result: 'pass' },
  ]);
  assert.deepEqual(text.split('\n'), [
    'Services      a     b',
    'UDP           pass  FAIL',
    'no nodePorts  pass  no (1)',
    'hostNetwork   -     pass',
    '(1) there is nothing to hand over to',
    '',
  ]);
});

test('the columns that were not run are named', () => {
  const cells = [{ row: 'a', column: 'one', result: 'pass' }];
  assert.match(renderMatrix(cells, ['one', 'two', 'three']), /^Columns that were not run: two, three\.$/m);
  assert.doesNotMatch(renderMatrix(cells, ['one']), /not run/);
});
