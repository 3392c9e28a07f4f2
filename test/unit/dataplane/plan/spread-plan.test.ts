/** Which VIPs are spread, and over which nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { Membership } from '../../../../src/dataplane/plan/membership.ts';
import type { SlotTable } from '../../../../src/dataplane/plan/slots.ts';
import type { PortPath, SpreadVip, VipPath } from '../../../../src/dataplane/plan/spec.ts';
import { planSpread, type SpreadFacts, type SpreadTarget } from '../../../../src/dataplane/plan/spread-plan.ts';

const [one, two, six] = ['192.0.2.1', '192.0.2.2', '2001:db8::1'] as Ip[] as [Ip, Ip, Ip];

function port(number: number, facts: Partial<PortPath> = {}): PortPath {
  const none = { nodePort: undefined, sources: undefined, local: undefined, vacant: false };
  return { protocol: 'tcp', port: number, sticky: false, ...none, ...facts };
}

const path = (address: Ip, ...ports: readonly PortPath[]): VipPath => ({ address, ports });

/** Makes a plan. All VIPs have the same nodes unless `facts` has others. */
function plan(paths: readonly VipPath[], facts: Partial<SpreadFacts> & { readonly nodes?: readonly string[] } = {}) {
  const { nodes = ['a', 'b'], ...rest } = facts;
  return planSpread(new Membership(), {
    paths,
    targetFor: (vip) => wish(vip, { nodes }),
    endpoints: () => new Map(),
    present: new Set(['a', 'b', 'c']),
    now: 0,
    ...rest,
  });
}

function wish(vip: Ip, facts: Partial<SpreadTarget> = {}): SpreadTarget {
  return { vip, scope: 'ads', link: 'eth0', reachable: ['a', 'b', 'c'], nodes: ['a', 'b'], ...facts };
}

const share = ({ slots }: SlotTable, node: string) => slots.filter(({ first }) => first === node).length;
const tables = (vips: readonly SpreadVip[]) => vips.flatMap(({ ports }) => ports.map(({ table }) => table));
const nodesOf = ({ slots }: SlotTable) => [...new Set(slots.map(({ first }) => first))].sort();

test('a VIP is spread if an advertisement requests it, with all its ports over all nodes in equal parts', () => {
  const ports = [port(80), port(53, { protocol: 'udp', sticky: true })];
  const spread = plan([path(one, ...ports), path(two, port(80))], {
    targetFor: (vip) => (vip === one ? wish(vip) : undefined),
  });
  assert.deepEqual(
    spread.map(({ vip, link, ports }) => [vip, link, ports.map(({ table, ...rest }) => rest)]),
    [
      [
        one,
        'eth0',
        [
          { protocol: 'tcp', port: 80, sticky: false },
          { protocol: 'udp', port: 53, sticky: true },
        ],
      ],
    ],
  );
  const [first, second] = tables(spread) as [SlotTable, SlotTable];
  assert.ok(first === second, 'fragments are steered if all ports have one table');
  assert.deepEqual(nodesOf(first), ['a', 'b']);
  assert.ok(Math.abs(share(first, 'a') - 512) < 100);
});

test('VIPs with the same scope and link share a table; other VIPs have their own', () => {
  const spread = plan([path(one, port(80)), path(two, port(80)), path(six, port(80))], {
    targetFor: (vip) => wish(vip, vip === six ? { scope: 'other' } : {}),
  });
  const [first, second, third] = tables(spread);
  assert.ok(first === second);
  assert.notEqual(first?.name, third?.name);
  const links = plan([path(one, port(80)), path(two, port(80))], {
    targetFor: (vip) => wish(vip, { link: vip === one ? 'eth0' : 'eth1' }),
  });
  assert.equal(new Set(tables(links).map(({ name }) => name)).size, 2);
});

test('with externalTrafficPolicy Local only nodes with endpoints serve, with powers of two of their number as weights', () => {
  const asked: string[] = [];
  const spread = plan([path(one, port(80, { local: 'default/web' }))], {
    nodes: ['a', 'b', 'c'],
    endpoints: (service, family) => {
      asked.push(`${service} ${family}`);
      return new Map([
        ['a', 1],
        ['b', 3],
        ['d', 9],
      ]);
    },
  });
  assert.deepEqual(asked, ['default/web IPv4']);
  const [table] = tables(spread) as [SlotTable];
  assert.deepEqual(nodesOf(table), ['a', 'b']);
  assert.ok(Math.abs(share(table, 'b') - 1_024 * 0.8) < 80, `${share(table, 'b')}`);
});

test('Services with the same endpoints on the same nodes share a table, and fragments for a VIP of both have one node', () => {
  const local = (name: string, number: number) => port(number, { local: `default/${name}` });
  const spread = plan([path(one, local('x', 80), local('y', 443)), path(two, local('z', 80))], {
    endpoints: (service) =>
      new Map(
        service === 'default/z'
          ? [['a', 1]]
          : [
              ['b', 1],
              ['a', 1],
            ],
      ),
  });
  const [x, y, z] = tables(spread);
  assert.ok(x === y);
  assert.notEqual(x?.name, z?.name);
});

test('a VIP that no node can serve is not spread; a port that no node can serve is left to the holder', () => {
  assert.deepEqual(plan([path(one, port(80))], { nodes: [] }), []);
  assert.deepEqual(plan([path(one, port(80, { local: 'default/web' }))]), []);
  assert.deepEqual(plan([path(one)]), []);
  const spread = plan([path(one, port(80, { local: 'default/web' }), port(81))]);
  assert.deepEqual(
    spread.map(({ ports }) => ports.map((each) => each.port)),
    [[81]],
  );
});
