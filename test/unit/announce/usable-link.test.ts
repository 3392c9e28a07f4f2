/** Which links can carry announcements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLinkAddress } from '../../../src/addr/subnet.ts';
import { isOnNetwork, unusableReason } from '../../../src/announce/usable-link.ts';

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

const networkRows: readonly [desc: string, addresses: readonly string[], isNamed: boolean, isOnNetwork: boolean][] = [
  ['a link of the nodes', ['192.0.2.1/24', 'fe80::1/64'], false, true],
  ['a link with IPv6 only', ['2001:db8::1/64', 'fe80::1/64'], false, true],
  ['a link between two hosts', ['192.0.2.0/31'], false, true],
  ['a link of a Pod with Calico', ['fe80::ecee:eeff:feee:eeee/64'], false, false],
  ['a link of a Pod with Cilium', [], false, false],
  ['a link of a Pod with ptp', ['10.244.0.1/32', 'fe80::1/64'], false, false],
  ['a link that DHCPv6 has configured', ['2001:db8::1/128', 'fe80::1/64'], false, false],
  ['the same link, if an L2Advertisement names it', ['2001:db8::1/128', 'fe80::1/64'], true, true],
  ['a VLAN without an address, if an L2Advertisement names it', [], true, true],
];

for (const [desc, addresses, isNamed, expected] of networkRows) {
  test(`${desc} ${expected ? 'can' : 'cannot'} carry a VIP or a heartbeat`, () => {
    const own = addresses.map(parseLinkAddress).filter((one) => one !== undefined);
    assert.equal(isOnNetwork({ addresses: own }, isNamed), expected);
  });
}
