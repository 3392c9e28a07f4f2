/** When a desired state counts as the one that is in effect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { isSameState } from '../../../src/speaker/announcer.ts';

const link = { name: 'eth0', index: 2, mac: '02:00:00:00:00:01' };
const vips = ['192.0.2.10' as Ip, '192.0.2.11' as Ip];

test('the same VIPs on the same links are the same state', () => {
  const rows = [
    { desc: 'equal', b: [{ link: { ...link, carrier: true }, vips: [...vips] }], same: true },
    { desc: 'a VIP less', b: [{ link, vips: vips.slice(1) }], same: false },
    { desc: 'another VIP', b: [{ link, vips: ['192.0.2.10' as Ip, '192.0.2.12' as Ip] }], same: false },
    { desc: 'another MAC', b: [{ link: { ...link, mac: '02:00:00:00:00:02' }, vips }], same: false },
    { desc: 'made again', b: [{ link: { ...link, index: 3 }, vips }], same: false },
    { desc: 'no link', b: [], same: false },
  ];
  for (const { desc, b, same } of rows) assert.equal(isSameState([{ link, vips }], b), same, desc);
});
