/** The address of a node to which hand-off NodePort rewrites packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { planDataplane } from '../../../../src/dataplane/plan/plan-dataplane.ts';
import { unservedVips } from '../../../../src/dataplane/plan/vip-paths.ts';
import { noSpread, pathOf, vipPath } from '../../../net/path-lab.ts';

/** A link with addresses, as `address/prefix`. */
function link(name: string, ...texts: readonly string[]) {
  const addresses = texts.map((text) => {
    const [address = '', prefix] = text.split('/');
    return { address: address as Ip, prefix: Number(prefix) };
  });
  return { name, addresses };
}

function addressesOf(links: readonly ReturnType<typeof link>[], ...internal: readonly string[]) {
  return planDataplane({
    ...{ ...noSpread, vips: [vipPath('10.99.3.1'), vipPath('fd99::301')], chances: [], synLimit: undefined, zone: 1 },
    ...{ links, internalAddresses: internal as readonly Ip[], slices: [], deadNodes: [], hostAddresses: () => [] },
  }).nodeAddresses;
}

test('it is the InternalIP of the family, as kube-proxy takes it', () => {
  const links = [link('eth0', '10.99.0.9/16', 'fd99::9/64')];
  assert.deepEqual(addressesOf(links, '192.0.2.1', 'fd99::1', '10.99.0.1'), { IPv4: '192.0.2.1', IPv6: 'fd99::1' });
});

test('without one it is an address on a link, of a link with VIPs first, and never a link-local one', () => {
  const links = [link('eth0', '192.0.2.9/24', 'fe80::9/64'), link('eth1', '10.99.0.9/16')];
  assert.deepEqual(addressesOf(links), { IPv4: '10.99.0.9' });
  assert.deepEqual(addressesOf(links.slice(0, 1), 'fd99::1'), { IPv4: '192.0.2.9', IPv6: 'fd99::1' });
});

test('without any, a VIP whose ports all need one cannot be served', () => {
  const vips = [
    vipPath('10.99.3.1', 'tcp/80>30080', 'udp/53>30053'),
    // Another Service shares this one, and kube-proxy serves it.
    vipPath('10.99.3.2', 'tcp/80>30081', 'tcp/443'),
    vipPath('10.99.3.3', 'tcp/80'),
    vipPath('fd99::301', 'tcp/80>30080'),
  ];
  assert.deepEqual([...unservedVips(pathOf({ vips, nodeAddresses: { IPv6: 'fd99::1' as Ip } }))], ['10.99.3.1']);
  assert.deepEqual([...unservedVips(pathOf({ vips }))], []);
});
