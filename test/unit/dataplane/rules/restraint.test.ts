/** Rules touch no packets for VIPs that no node announces, and refuse nothing for contested ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familyOf, type Ip } from '../../../../src/addr/ip.ts';
import type { Ruleset } from '../../../../src/dataplane/nft/ruleset.ts';
import { slotsOf } from '../../../../src/dataplane/plan/slots.ts';
import type { DataPath, VipPath } from '../../../../src/dataplane/plan/spec.ts';
import { rulesetOf } from '../../../../src/dataplane/rules/desired.ts';
import { pathOf, vipPath } from '../../../net/path-lab.ts';

const neighbor = { node: 'n2', address: '10.99.0.3' as Ip, mac: '02:00:00:00:00:12', link: 'v0' };
const table = { name: 't', key: 't', slots: slotsOf([{ node: 'n2', weight: 1 }], []) };

/** A path in which each VIP has everything that a VIP can have. */
function full(vips: readonly VipPath[]): DataPath {
  const of4 = vips.filter(({ address }) => familyOf(address) === 'IPv4').map(({ address }) => address);
  const ports = [{ protocol: 'tcp', port: 80, sticky: false, table }] as const;
  return pathOf({
    vips,
    synLimit: 10,
    chances: of4.map((vip) => ({ vip, to: neighbor })),
    spread: of4.map((vip) => ({ vip, link: 'v0', ports })),
    spreadLinks: ['v0'],
    neighborFor: () => neighbor,
  });
}

const ports = ['tcp/80>30080 from 10.0.0.0/8', 'udp/53>30053', 'tcp/443'];
const announced = [vipPath('10.99.3.1', ...ports), vipPath('fd99::301', ...ports)];
const others = ['10.99.3.2', 'fd99::302'].map((address) => vipPath(address, ...ports));
const as = (restraint: VipPath['restraint']) => others.map((vip) => ({ ...vip, restraint }));

/** All tables as text, without those by which this node's own kernel is kept silent. */
function packetsOf(ruleset: Ruleset): string {
  const tables = ruleset.filter(({ family }) => family !== 'arp');
  return JSON.stringify(
    tables.map(({ family, chains, collections }) => {
      return [
        family,
        [...chains],
        [...collections]
          .filter(([name]) => !['advertised', 'silent_vips'].includes(name))
          .map(([name, one]) => [name, one.spec, [...one.elements]]),
      ];
    }),
  );
}

test('the rules for packets are the same with VIPs that no node announces as without them', () => {
  const without = packetsOf(rulesetOf(full(announced)));
  assert.equal(packetsOf(rulesetOf(full([...announced, ...as('Silent')]))), without);
  assert.notEqual(packetsOf(rulesetOf(full([...announced, ...as(undefined)]))), without);
});

test("this node's kernel is kept silent about VIPs that no node announces, too", () => {
  const ruleset = rulesetOf(full(as('Silent')));
  const elements = (family: string, name: string) =>
    [
      ...(ruleset
        .find((one) => one.family === family)
        ?.collections.get(name)
        ?.elements.keys() ?? []),
    ].join();
  assert.equal(elements('arp', 'vips'), '10.99.3.2');
  assert.match(elements('ip6', 'advertised'), /^0xfd99.*302$/);
  assert.equal(elements('ip6', 'silent_vips'), 'fd99::302');
});

test("this node's kernel answers for an address that one of its links has, as long as no node announces it", () => {
  const addresses = ['10.99.3.2', 'fd99::302'] as Ip[];
  const links = [{ name: 'v0', addresses, hasVips: true }];
  const textOf = (restraint: VipPath['restraint']) =>
    JSON.stringify(
      rulesetOf({ ...full(as(restraint)), links }).map(({ collections }) =>
        [...collections].map(([, { elements }]) => [...elements]),
      ),
    );
  for (const address of ['10.99.3.2', 'fd99::302', '302"']) {
    assert.ok(!textOf('Silent').includes(address), address);
    assert.ok(textOf('Contested').includes(address), address);
  }
});

test('what refuses packets leaves contested VIPs out', () => {
  const [ip] = rulesetOf(full([...announced, ...as('Contested')]));
  assert.deepEqual([...(ip?.collections.get('contested')?.elements.keys() ?? [])], ['10.99.3.2']);
  const rules = ['refuse_early', 'unserved'].flatMap((name) => ip?.chains.get(name)?.rules ?? []);
  const refusing = rules.filter((rule) => rule.includes('@vips'));
  assert.equal(refusing.length, 2);
  for (const rule of refusing) assert.match(rule, / ip daddr != @contested /);
});
