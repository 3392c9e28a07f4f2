/**
 * How VIPs that must be spread are planned, how the paths are tested, and why a VIP is not spread.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { DesiredVip } from '../../../../src/announce/desired-vips.ts';
import { parseAdvertisement } from '../../../../src/api/advertisement.ts';
import type { VipPath } from '../../../../src/dataplane/plan/spec.ts';
import type { Link } from '../../../../src/linux/links.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import type { TestedLink } from '../../../../src/speaker/dataplane/spoof-tester.ts';
import { SpreadWatch, type SpreadWorld } from '../../../../src/speaker/dataplane/spread-watch.ts';

const vip = '192.0.2.1' as Ip;
const all = new Set(['self', 'a', 'b']);
const lookMs = 10_000;

/** No link has this index, so no program is attached to it. */
const link: Link = {
  ...{ name: 'eth0', index: 0x7fff_ffff, mac: '02:00:00:00:00:01', up: true, carrier: true, noArp: false },
  ...{ master: undefined, xdp: false, addresses: [] },
};

function desiredVip(distribution: 'Spread' | 'Single'): DesiredVip {
  const metadata = { name: 'x', uid: 'uid-x', resourceVersion: '1' };
  return {
    ...{ uid: 'u', address: vip, eligible: all, serves: () => true, linksOf: () => ['eth0'], recorded: undefined },
    advertisements: [parseAdvertisement({ metadata, spec: { distribution } } as never)],
    ...{ wasAnnounced: true, isAdopted: false, wasTaken: false },
  };
}

function world(facts: Partial<SpreadWorld> & { readonly distribution?: 'Spread' | 'Single' } = {}): SpreadWorld {
  const { distribution = 'Spread', ...rest } = facts;
  const none = { nodePort: undefined, sources: undefined, local: undefined, vacant: false };
  const path: VipPath = { address: vip, ports: [{ protocol: 'tcp', port: 80, sticky: false, ...none }] };
  return {
    desired: { vips: [desiredVip(distribution)], unwanted: [] },
    ...{ paths: [path], endpoints: () => new Map(), links: [link], reportedBy: () => [], now: 1 },
    hosts: {
      ...{
        self: 'self',
        present: all,
        isDraining: () => false,
        linkFor: () => ({ name: link.name, subnet: '192.0.2.9/24' }),
      },
      neighborFor: (node, address) => (node === 'self' ? undefined : { node, address, mac: node, link: link.name }),
    },
    ...rest,
  };
}

/** A watch, and the links that it gave to the tester. */
function watch({ blocked = [] as readonly string[], fault = undefined as string | undefined } = {}) {
  const observed: (readonly TestedLink[])[] = [];
  const tester = { observe: (links: readonly TestedLink[]) => observed.push(links) > 0, blockedOn: () => blocked };
  const spread = new SpreadWatch({ log: createLogger('speaker', 'silent'), tester, fault: () => fault });
  const tested = () => observed.at(-1)?.map((one) => [one.link.name, one.neighbors.map(({ node }) => node).sort()]);
  return { spread, tested };
}

test('a VIP that must be spread is spread over all nodes, and the paths to the other nodes are tested', () => {
  const { spread, tested } = watch();
  const planned = spread.plan(world());
  assert.deepEqual(planned.spreadLinks, ['eth0']);
  assert.deepEqual(
    planned.spread.map((one) => [one.vip, one.link, one.ports.map(({ port }) => port)]),
    [[vip, 'eth0', [80]]],
  );
  assert.deepEqual(tested(), [['eth0', ['a', 'b']]]);
  assert.equal(spread.findingOf(vip)?.message, 'over a, b, self');
  assert.equal(spread.findingOf('192.0.2.2' as Ip), undefined);
});

test('if no advertisement requests it, nothing is spread, tested, checked or reported', () => {
  const { spread, tested } = watch();
  spread.plan(world());
  assert.deepEqual(spread.plan(world({ distribution: 'Single' })), { spread: [], spreadLinks: [] });
  assert.deepEqual(tested(), []);
  assert.equal(spread.findingOf(vip), undefined);
  assert.equal(spread.nextAt(1), undefined);
});

test('a link with programs at its ingress is not used for Spread', () => {
  const { spread, tested } = watch();
  const planned = spread.plan(world({ links: [{ ...link, xdp: true }] }));
  assert.deepEqual(planned, { spread: [], spreadLinks: [] });
  assert.deepEqual(tested(), []);
  assert.equal(spread.findingOf(vip)?.reason, 'LinkHasPrograms');
});

test('nodes that this node or other nodes report are left out, but are still tested', () => {
  const { spread, tested } = watch({ blocked: ['a'] });
  spread.plan(world());
  assert.match(spread.findingOf(vip)?.message ?? '', /^over b, self, not over a: /);
  assert.deepEqual(tested(), [['eth0', ['a', 'b']]]);
  spread.plan(world({ reportedBy: (node) => (node === 'a' ? ['b', 'self'] : []) }));
  assert.deepEqual(spread.findingOf(vip)?.reason, 'SpreadPathBlocked');
});

test('without rules in the kernel no VIP is spread, whatever the plan', () => {
  const { spread } = watch({ fault: 'NotPermitted' });
  spread.plan(world());
  assert.equal(spread.findingOf(vip)?.reason, 'RulesNotLoaded');
});

test('the spread is planned again when a node has settled, and every ten seconds to check for programs', () => {
  const { spread } = watch();
  assert.equal(spread.nextAt(0), undefined);
  const two = new Set(['self', 'a']);
  spread.plan(world({ now: 0, hosts: { ...world().hosts, present: two } }));
  assert.equal(spread.nextAt(0), lookMs);
  spread.plan(world({ now: lookMs }));
  assert.equal(spread.findingOf(vip)?.message, 'over a, self');
  assert.equal(spread.nextAt(lookMs), 2 * lookMs);
  spread.plan(world({ now: 2 * lookMs - 1 }));
  assert.equal(spread.findingOf(vip)?.message, 'over a, self');
  spread.plan(world({ now: 2 * lookMs }));
  assert.equal(spread.findingOf(vip)?.message, 'over a, b, self');
});
