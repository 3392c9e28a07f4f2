/** The metrics in the text format of Prometheus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Distribution, Metrics, type Sample, Tally } from '../../../src/runtime/metrics.ts';

test('values are read for each request, and a value that is gone is not exposed any more', async () => {
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

test('calls are counted by their labels, and times go into buckets', async () => {
  const calls = new Tally();
  for (const code of ['200', '409', '200']) calls.count({ code });
  const seconds = new Distribution({ name: 's_seconds', help: 'time', labels: ['verb'], buckets: [0.1, 1] });
  for (const value of [0.05, 0.5, 5]) seconds.observe(value, { verb: 'get' });
  const metrics = new Metrics([
    { name: 'calls_total', help: 'calls', kind: 'counter', labels: ['code'], read: () => calls.samples },
    seconds,
  ]);
  const text = await metrics.text();
  for (const line of [
    'calls_total{code="200"} 2',
    'calls_total{code="409"} 1',
    's_seconds_bucket{le="0.1",verb="get"} 1',
    's_seconds_bucket{le="1",verb="get"} 2',
    's_seconds_bucket{le="+Inf",verb="get"} 3',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
  }
});
