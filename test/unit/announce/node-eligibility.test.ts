/** Which link of a node is named as the reason why it may hold a VIP, or may not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { eligibilityOf, type ReportedLink } from '../../../src/announce/node-eligibility.ts';
import { advertisement, node } from '../fixtures.ts';

/** A link as `NAME ADDRESS/PREFIX`, as `NAME` without an address, and with the reason why it cannot be used. */
function linkOf(text: string): ReportedLink {
  const [name = '', address = '-', unusable] = text.split(' ');
  const noInboundTraffic = unusable === 'NoInboundTraffic';
  const facts = { name, addresses: address === '-' ? [] : [address], noInboundTraffic };
  return unusable === undefined || noInboundTraffic ? facts : { ...facts, unusable };
}

const rows: readonly (readonly [
  desc: string,
  links: readonly string[],
  interfaces: readonly string[],
  expected: string,
])[] = [
  ['one link', ['eth0 192.0.2.1/24'], [], 'Candidate: link eth0'],
  ['the link in the subnet is the second one', ['eth0 10.0.0.1/24', 'eth1 192.0.2.1/24'], [], 'Candidate: link eth1'],
  [
    'a link is named exactly, and another one is in the subnet: both announce',
    ['vlan7', 'eth0 192.0.2.1/24'],
    ['vlan7', 'eth*'],
    'Candidate: links vlan7, eth0',
  ],
  ['of two links in the subnet one announces', ['eth0 192.0.2.1/24', 'eth1 192.0.2.2/24'], [], 'Candidate: link eth0'],
  [
    'the first link in the subnet is down',
    ['eth0 192.0.2.1/24 NoCarrier', 'eth1 192.0.2.2/24'],
    [],
    'Candidate: link eth1',
  ],
  [
    'it is the first address of one subnet only',
    ['eth0 192.0.2.201/29', 'eth1 192.0.2.1/24'],
    [],
    'Candidate: link eth1',
  ],
  ['it is the first address of the only subnet', ['eth0 192.0.2.201/29'], [], 'NetworkAddress: link eth0'],
  [
    'all links in the subnet are broken, and a named one beside it is too',
    ['vlan7 - Down', 'eth0 192.0.2.1/24 NoCarrier', 'eth1 192.0.2.2/24 NoInboundTraffic'],
    ['vlan7', 'eth*'],
    'LinkUnusable: links eth0: NoCarrier, eth1: NoInboundTraffic',
  ],
  ['only a named link without an address is there', ['vlan7 - Down'], ['vlan7'], 'LinkUnusable: link vlan7: Down'],
  [
    'the working link in the subnet is not named',
    ['eth0 192.0.2.1/24 Down', 'eth1 192.0.2.2/24'],
    ['bond*'],
    'LinkNotNamed: link eth1; interfaces: bond*',
  ],
  ['no link is in the subnet', ['eth0 10.0.0.1/24', 'eth1 10.0.1.1/24 Down'], [], 'NoLink: has eth0 10.0.0.1/24'],
];

test('the links that matter are those that would announce, or those that keep the node from it', () => {
  for (const [desc, links, interfaces, expected] of rows) {
    const { reason, detail } = eligibilityOf(node('n1'), {
      ...{ address: '192.0.2.200' as Ip, advertisements: [advertisement({ interfaces })], holder: undefined },
      ...{ obeysExclusion: true, hasSpeaker: () => true, endpointNodes: undefined, isAlive: () => true },
      linksOf: () => links.map(linkOf),
    });
    assert.equal(`${reason}: ${detail}`, expected, desc);
  }
});
