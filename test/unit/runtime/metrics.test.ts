/** The text that Prometheus reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics, type Sample } from '../../../src/runtime/metrics.ts';

test('values are read for each reader, and what is gone is not told any more', async () => {
  let samples: readonly Sample[] = [
    { labels: { vip: '192.0.2.1' }, value: 3 },
    { labels: { vip: '2001:db8::1' }, value: 4 },
  ];
  const metrics = new Metrics([
    { name: 'a_total', help: 'counts', kind: 'counter', labels: ['vip'], read: () => samples },
    { name: 'b', help: 'level', kind: 'gauge', read: async () => [{ value: 1 }] },
  ]);
  const lines = async () => (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(await lines(), ['a_total{vip="192.0.2.1"} 3', 'a_total{vip="2001:db8::1"} 4', 'b 1']);
  samples = [{ labels: { vip: '192.0.2.1' }, value: 5 }];
  assert.deepEqual(await lines(), ['a_total{vip="192.0.2.1"} 5', 'b 1']);
});
