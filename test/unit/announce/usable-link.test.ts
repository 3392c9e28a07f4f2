/** Which links can carry announcements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unusableReason } from '../../../src/announce/usable-link.ts';

const link = { name: 'eth0', mac: '02:00:00:00:00:01', up: true, carrier: true, noArp: false, master: undefined };

const rows = [
  { desc: 'an Ethernet link with carrier', change: {}, reason: undefined },
  { desc: 'the loopback', change: { noArp: true, mac: '00:00:00:00:00:00' }, reason: 'NoArp' },
  { desc: 'a link without hardware address', change: { mac: '' }, reason: 'NoEthernetAddress' },
  { desc: 'a link with an address of zeros', change: { mac: '00:00:00:00:00:00' }, reason: 'NoEthernetAddress' },
  {
    desc: 'an InfiniBand link, whose address has 20 bytes',
    change: { mac: Array(20).fill('80').join(':') },
    reason: 'NoEthernetAddress',
  },
  { desc: 'a VLAN', change: { name: 'bond0.100' }, reason: undefined },
  { desc: 'a link with a quote in its name', change: { name: 'a"b' }, reason: 'UnsupportedName' },
  { desc: 'a link with a star in its name', change: { name: 'eth*' }, reason: 'UnsupportedName' },
  { desc: 'a member of a bond', change: { master: 'bond0' }, reason: 'Member' },
  { desc: 'a link set down', change: { up: false, carrier: false }, reason: 'Down' },
  { desc: 'a pulled cable', change: { carrier: false }, reason: 'NoCarrier' },
] as const;

for (const { desc, change, reason } of rows) {
  test(`${desc} is ${reason ?? 'usable'}`, () => assert.equal(unusableReason({ ...link, ...change }), reason));
}
