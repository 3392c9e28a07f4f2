/** Every decision about a node's links for an address follows the same rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { desiredVipsOf } from '../../../src/announce/desired-vips.ts';
import { eligibilityOf } from '../../../src/announce/node-eligibility.ts';
import type { AdvertisementView } from '../../../src/api/advertisement.ts';
import type { PeerLink } from '../../../src/liveness/messages.ts';
import { fc } from '../../property.ts';
import { advertisement, entry, node, service } from '../fixtures.ts';

const mac = '02:00:00:00:00:01';
const linkWith = (name: string, ...addresses: string[]): PeerLink => ({ name, mac, addresses });

/** What the parts of Berth find about an address and the links of node `n1`. */
function found(address: string, links: readonly PeerLink[], advertisements: readonly AdvertisementView[]) {
  const svc = service('s', { ingress: [{ ip: address as Ip }] });
  const n1 = node('n1');
  const [vip] = desiredVipsOf(
    {
      ledger: [entry(address, svc)],
      service: () => svc,
      endpointNodes: new Map(),
      advertisements,
      nodes: [n1, node('n2', { labels: { zone: 'b' } })],
      speakers: new Set(['n1', 'n2']),
    },
    (of) => (of === 'n1' ? links : undefined),
  ).vips;
  const { reason } = eligibilityOf(n1, {
    ...{ address: address as Ip, advertisements, holder: undefined, obeysExclusion: false, hasSpeaker: () => true },
    ...{ endpointNodes: undefined, isAlive: () => true },
    linksOf: () => links.map((link) => ({ ...link, noInboundTraffic: false })),
  });
  return { serves: vip?.serves('n1'), links: vip?.linksOf('n1') ?? [], isCandidate: reason === 'Candidate' };
}

const rows: readonly [
  desc: string,
  address: string,
  links: readonly PeerLink[],
  interfaces: readonly string[],
  expected: readonly string[],
][] = [
  ['a link in the subnet', '10.0.0.9', [linkWith('a', '10.0.0.1/24')], [], ['a']],
  ['a link that is named exactly', '10.9.0.9', [linkWith('a')], ['a'], ['a']],
  ['the broadcast address of a link that is named', '10.0.0.255', [linkWith('a', '10.0.0.1/24')], ['a'], []],
  ['an edge of one of two subnets of a link', '10.0.0.255', [linkWith('a', '10.0.0.1/24', '10.0.1.1/16')], [], []],
  [
    'an edge of the first link only',
    '10.0.0.255',
    [linkWith('a', '10.0.0.1/24'), linkWith('b', '10.0.1.1/16')],
    [],
    ['b'],
  ],
  ['no link', '10.1.0.9', [linkWith('a', '10.0.0.1/24')], [], []],
];

for (const [desc, address, links, interfaces, expected] of rows) {
  test(`${desc}: a node serves an address where it has a link for it, and nowhere else`, () => {
    assert.deepEqual(found(address, links, [advertisement({ interfaces })]), {
      ...{ serves: expected.length > 0, links: expected, isCandidate: expected.length > 0 },
    });
  });
}

test('a node serves an address exactly where it has a link for it, whatever its links', () => {
  const prefix = fc.integer({ min: 28, max: 31 });
  const own = fc.tuple(fc.integer({ min: 0, max: 63 }), prefix).map(([host, bits]) => `10.0.0.${host}/${bits}`);
  const links = fc.array(fc.array(own, { maxLength: 2 }), { maxLength: 3 });
  const patterns = fc.array(fc.constantFrom('l0', 'l1', 'l*', 'l2*'), { maxLength: 2 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 63 }), links, patterns, (host, addresses, interfaces) => {
      const all = addresses.map((some, i) => linkWith(`l${i}`, ...some));
      const { serves, links: on, isCandidate } = found(`10.0.0.${host}`, all, [advertisement({ interfaces })]);
      assert.deepEqual([serves, isCandidate], [on.length > 0, on.length > 0]);
    }),
  );
});

test('a node that the advertisements select no more still has its links for the addresses that it holds', () => {
  const others = [advertisement({ nodeSelectors: [{ matchLabels: { zone: 'b' } }] })];
  const { serves, links } = found('10.0.0.9', [linkWith('a', '10.0.0.1/24')], others);
  assert.deepEqual({ serves, links }, { serves: true, links: ['a'] });
});
