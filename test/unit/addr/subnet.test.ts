/** Which addresses are in the subnet of a link, and which of them no host may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import {
  addressesOnLink,
  contains,
  inSubnet,
  isEdgeOf,
  numericAddress,
  parseLinkAddress,
  parseLinkAddresses,
  subnetOf,
} from '../../../src/addr/subnet.ts';

const linkAddress = (text: string) => parseLinkAddress(text) ?? assert.fail(text);
const isIn = (ip: string, own: string) => inSubnet(ip as Ip, linkAddress(own));
const isEdge = (ip: string, own: string) => isEdgeOf(subnetOf(linkAddress(own)), numericAddress(ip as Ip));

test('an address of a link is parsed with its prefix length', () => {
  assert.deepEqual(parseLinkAddress('192.0.2.7/24'), { address: '192.0.2.7', prefix: 24 });
  assert.deepEqual(parseLinkAddress('2001:DB8::7/128'), { address: '2001:db8::7', prefix: 128 });
  for (const text of ['192.0.2.7', '192.0.2.7/', '192.0.2.7/33', '192.0.2.7/2x', '2001:db8::7/129', '/24', 'x/24']) {
    assert.equal(parseLinkAddress(text), undefined, text);
  }
});

test('a prefix length sets the end of its subnet', () => {
  assert.ok(isIn('192.0.2.1', '192.0.2.7/30') === false && isIn('192.0.2.4', '192.0.2.7/30'));
  assert.ok(isIn('192.0.2.127', '192.0.2.7/25') && !isIn('192.0.2.128', '192.0.2.7/25'));
  assert.ok(isIn('2001:db8::ffff', '2001:db8::1/112') && !isIn('2001:db8::1:0', '2001:db8::1/112'));
  assert.ok(isIn('203.0.113.1', '192.0.2.7/0'), 'a prefix of length 0 holds all addresses of its family');
});

test('an address of the other family is in no subnet', () => {
  assert.ok(!isIn('::c000:207', '192.0.2.7/24') && !isIn('192.0.2.7', '::/0'));
});

test('no host may have the first address of a subnet, or the last one in IPv4', () => {
  assert.ok(isEdge('192.0.2.0', '192.0.2.7/24') && isEdge('192.0.2.255', '192.0.2.7/24'));
  assert.ok(!isEdge('192.0.2.1', '192.0.2.7/24') && !isEdge('192.0.3.0', '192.0.2.7/24'));
  assert.ok(isEdge('2001:db8::', '2001:db8::1/64') && !isEdge('2001:db8::ffff:ffff:ffff:ffff', '2001:db8::1/64'));
});

test('in a subnet of one or two addresses, a host may have each address', () => {
  for (const ip of ['192.0.2.6', '192.0.2.7']) assert.ok(!isEdge(ip, '192.0.2.7/31'));
  assert.ok(!isEdge('192.0.2.7', '192.0.2.7/32'));
  for (const ip of ['2001:db8::', '2001:db8::1']) assert.ok(!isEdge(ip, '2001:db8::1/127'));
});

test('one address as a number is compared with many subnets', () => {
  const address = numericAddress('192.0.2.9' as Ip);
  const subnets = ['192.0.2.1/24', '192.0.2.1/28', '192.0.2.1/30'].map((own) => subnetOf(linkAddress(own)));
  assert.deepEqual(
    subnets.map((subnet) => contains(subnet, address)),
    [true, true, false],
  );
});

test("the addresses of another node's link that are on a link: not those of a bridge that each node has", () => {
  const rows: readonly [own: readonly string[], its: readonly string[], reached: readonly string[]][] = [
    [['10.0.0.1/24'], ['10.0.0.2/24', '10.0.1.2/24'], ['10.0.0.2']],
    [['172.17.0.1/16'], ['172.17.0.1/16'], []],
    [['172.17.0.1/16'], ['172.17.0.1/16', '172.17.0.9/16'], []],
    // Both have a floating address for a moment.
    [['10.0.0.1/24', '10.0.0.100/24'], ['10.0.0.2/24', '10.0.0.100/24'], ['10.0.0.2']],
    [['fd00::1/64'], ['fd00::2/64', '10.0.0.2/24'], ['fd00::2']],
  ];
  for (const [own, its, reached] of rows) {
    assert.deepEqual(addressesOnLink(parseLinkAddresses(own), parseLinkAddresses(its)), reached);
  }
});
