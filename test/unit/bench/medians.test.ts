/** Medians, their spread and ratios. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratios, summaryOf, summaryText } from '../../bench/medians.ts';

test('the median is in the middle, and a quarter of the values is beyond each end of the spread', () => {
  assert.deepEqual(summaryOf([5, 1, 4, 2, 3, 8, 7, 6]), { median: 5, low: 3, high: 7 });
  assert.equal(summaryText({ median: 1.26, low: 1, high: 2 }, 1), '1.3 (1.0 to 2.0)');
});

test('a ratio compares values of the same round', () => {
  assert.deepEqual(ratios([2, 9], [1, 3]), [2, 3]);
});
