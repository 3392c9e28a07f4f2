/** Routes as the kernel's own tables show them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLinks4, defaultLinks6 } from '../../../src/linux/node-facts.ts';

test('the links of IPv4 default routes are read', () => {
  const text = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0200670A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'wlan0\t00000000\t0200670B\t0003\t0\t0\t600\t00000000\t0\t0\t0',
    'eth1\t00000000\t0200670B\t0003\t0\t0\t600\t00000080\t0\t0\t0',
    'eth0\t0000670A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    '',
  ].join('\n');
  assert.deepEqual(defaultLinks4(text), ['eth0', 'wlan0']);
  assert.deepEqual(defaultLinks4(''), []);
});

test('the links of IPv6 default routes are read, without unreachable routes and routes to half of all addresses', () => {
  const none = '0'.repeat(32);
  const gateway = `fe80${'0'.repeat(27)}1`;
  const text = [
    `${none} 00 ${none} 00 ${gateway} 00000400 00000001 00000000 00000003     eth0`,
    `${none} 01 ${none} 00 ${gateway} 00000400 00000001 00000000 00000003     eth1`,
    `${none} 00 ${none} 00 ${none} ffffffff 00000001 00000000 00200200       lo`,
  ].join('\n');
  assert.deepEqual(defaultLinks6(text), ['eth0']);
  assert.deepEqual(defaultLinks6(''), []);
});
