/** The contents of gratuitous ARP frames and unsolicited advertisements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { encodeUnsolicited } from '../../../src/neighbor/gratuitous-frames.ts';
import { decodeArp } from '../../../src/wire/arp.ts';
import { decodeNdp } from '../../../src/wire/ndp.ts';

const mac = '02:00:00:00:00:aa';

test('both forms of ARP are broadcast and name the VIP twice; the reply form has target MAC = sender MAC', () => {
  const vip = '192.0.2.10' as Ip;
  const both = { destination: 'ff:ff:ff:ff:ff:ff', source: mac, senderMac: mac, senderIp: vip, targetIp: vip };
  const decoded = (form: 'Request' | 'Reply') => decodeArp(encodeUnsolicited(mac, { vip, form }));
  assert.deepEqual(decoded('Request'), { ...both, operation: 1, targetMac: '00:00:00:00:00:00' });
  assert.deepEqual(decoded('Reply'), { ...both, operation: 2, targetMac: mac });
});

test('an advertisement goes to all nodes, unsolicited and overriding', () => {
  const vip = 'fd00::c8:1' as Ip;
  assert.deepEqual(decodeNdp(encodeUnsolicited(mac, { vip, form: 'Advertisement' })), {
    destination: '33:33:00:00:00:01',
    source: mac,
    sourceIp: vip,
    destinationIp: 'ff02::1',
    type: 136,
    flags: 0x20,
    target: vip,
    linkAddress: mac,
  });
});
