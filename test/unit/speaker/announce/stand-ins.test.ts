/** The VIPs for which a node stands in are a part of the state of its links. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { isSameState } from '../../../../src/speaker/announce/announcer.ts';

const link = { name: 'eth0', index: 2, mac: '02:00:00:00:00:01' };
const vips = ['192.0.2.10' as Ip];
const standIn = { vip: '192.0.2.11' as Ip, mac: '02:00:00:00:00:02' };

test('a stand-in that starts, changes or ends is a change, and an equal one is not', () => {
  const without = [{ link, vips }];
  const having = [{ link, vips, standIns: [standIn] }];
  assert.ok(!isSameState(without, having));
  assert.ok(!isSameState(having, without));
  assert.ok(!isSameState(having, [{ link, vips, standIns: [{ ...standIn, mac: '02:00:00:00:00:03' }] }]));
  assert.ok(!isSameState(having, [{ link, vips, standIns: [{ ...standIn, vip: '192.0.2.12' as Ip }] }]));
  assert.ok(isSameState(having, [{ link, vips, standIns: [{ ...standIn }] }]));
  assert.ok(isSameState(without, [{ link, vips, standIns: [] }]));
});

test('a link that listens to another family is a change', () => {
  assert.ok(!isSameState([{ link, vips, listens: ['IPv4'] }], [{ link, vips, listens: ['IPv4', 'IPv6'] }]));
  assert.ok(isSameState([{ link, vips, listens: ['IPv4'] }], [{ link, vips, listens: ['IPv4'] }]));
});
