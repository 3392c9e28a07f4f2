/**
 * What the rules of a node guarantee, read from their text: the order of the checks, and what they
 * accept. The tests in network namespaces check that a kernel does the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { TableFamily } from '../../../../src/dataplane/nft/ruleset.ts';
import { slotsOf } from '../../../../src/dataplane/plan/slots.ts';
import type { DataPath, PortPath } from '../../../../src/dataplane/plan/spec.ts';
import { rulesetOf } from '../../../../src/dataplane/rules/desired.ts';

const vip = '192.0.2.10' as Ip;
const peer = { node: 'b', address: '192.0.2.2' as Ip, mac: '02:00:00:00:00:02', link: 'eth0' };
const port: PortPath = {
  ...{ protocol: 'tcp', port: 80, nodePort: 30_080, vacant: false },
  ...{ sources: ['198.51.100.0/24'], sticky: false, local: undefined },
};
const members = ['a', 'b'].map((node) => ({ node, weight: 1 }));
const table = { name: 't', key: 't', slots: slotsOf(members, []) };

const path: DataPath = {
  ...{ self: 'a', synLimit: undefined, zone: 7932, nodeAddresses: { IPv4: '192.0.2.1' as Ip } },
  vips: [{ address: vip, ports: [port] }],
  links: [{ name: 'eth0', addresses: ['192.0.2.1' as Ip], hasVips: true }],
  deadEndpoints: ['10.0.0.5', 'fd00::5'] as Ip[],
  chances: [{ vip, to: peer }],
  spread: [{ vip, link: 'eth0', ports: [{ protocol: 'tcp', port: 80, sticky: false, table }] }],
  ...{ spreadLinks: ['eth0'], peerMacs: [peer.mac], neighborFor: (node) => (node === 'b' ? peer : undefined) },
};
const tables = new Map(rulesetOf(path).map((one) => [one.family, one]));

/** The rules of a chain, in order. */
function rulesOf(family: TableFamily, chain: string): readonly string[] {
  return tables.get(family)?.chains.get(chain)?.rules ?? assert.fail(`no chain ${chain} of ${family}`);
}

/** The keys of a set. */
function keysOf(family: TableFamily, set: string): readonly string[] {
  return [...(tables.get(family)?.collections.get(set)?.elements.keys() ?? assert.fail(`no set ${set} of ${family}`))];
}

/** The index of the first rule of a chain that matches. */
function placeOf(rules: readonly string[], pattern: RegExp): number {
  const at = rules.findIndex((rule) => pattern.test(rule));
  return at >= 0 ? at : assert.fail(`no rule matches ${pattern} in:\n${rules.join('\n')}`);
}

test('hand-off NodePort drops clients outside of the source ranges before it rewrites anything', () => {
  assert.deepEqual(keysOf('ip', 'tcp_guarded'), [`${vip} . 80`]);
  assert.deepEqual(keysOf('ip', 'tcp_allowed'), [`${vip} . 80 . 198.51.100.0/24`]);
  const rules = rulesOf('ip', 'hand_off_tcp');
  const guard = placeOf(rules, /@tcp_guarded .*ip saddr != @tcp_allowed drop$/);
  assert.ok(guard < placeOf(rules, /tcp dport set/));
  assert.ok(guard < placeOf(rules, /ip daddr set/));
});

test('the second chance hands a packet on once: it then has too few hops left to be handed on again', () => {
  const [enough] = rulesOf('ip', 'hand_on').flatMap((rule) => /ip ttl > (\d+) goto unknown_flow/.exec(rule)?.[1] ?? []);
  const [left] = rulesOf('ip', 'to_192_0_2_2_eth0').flatMap((rule) => /ip ttl set (\d+) dup to/.exec(rule)?.[1] ?? []);
  assert.ok(Number(left) <= Number(enough), `${left} hops are left: more than ${enough}, so handed on again`);
});

test('the second chance does not touch packets that start or end a connection', () => {
  const [rule = ''] = rulesOf('ip', 'hand_on').filter((one) => one.includes('goto unknown_flow'));
  assert.match(rule, /\btcp flags & \((syn \| rst|rst \| syn)\) == 0 /);
});

test('ARP replies of a kernel that has a VIP itself are dropped, and its requests get another source address', () => {
  assert.deepEqual(rulesOf('arp', 'silenced'), [
    'arp operation reply drop',
    'oifname "eth0" arp saddr ip set 192.0.2.1',
  ]);
});

test('no new connection to an endpoint of a dead node starts, and established ones continue', () => {
  for (const chain of ['forwarded_to_dead', 'sent_to_dead']) {
    const rules = rulesOf('ip', chain).filter((one) => one.includes('@dead_endpoints'));
    assert.equal(rules.length, 2);
    for (const rule of rules) assert.match(rule, /^ct state new .* drop$/);
  }
});

test('each family has only its own dead endpoints: nft refuses a set with addresses of another family', () => {
  assert.deepEqual([keysOf('ip', 'dead_endpoints'), keysOf('ip6', 'dead_endpoints')], [['10.0.0.5'], ['fd00::5']]);
});

test('refusals are rate-limited, so that a scan cannot make a node send many packets', () => {
  const answers = [rulesOf('ip', 'refused'), rulesOf('ip6', 'refused')].flat().filter((rule) => / reject /.test(rule));
  assert.equal(answers.length, 4);
  for (const rule of answers) assert.match(rule, / limit rate \d+\/second burst \d+ packets reject /);
});

test('a port that a Service has is never refused on its way out but dropped, so that the client tries again', () => {
  const rules = rulesOf('ip', 'refuse');
  assert.ok(placeOf(rules, /@served drop$/) < placeOf(rules, /goto refused$/));
  assert.deepEqual(keysOf('ip', 'served'), [`${vip} . tcp . 80`]);
});

test('a packet that another node has passed on is served here, before any table is consulted', () => {
  const rules = rulesOf('netdev', 'steer_ip');
  const first = placeOf(rules, /^ether saddr @peer_macs accept$/);
  for (const pattern of [/@fragments_ip/, /@ports_ip/, /@errors_ip/]) assert.ok(first < placeOf(rules, pattern));
  assert.deepEqual(keysOf('netdev', 'peer_macs'), [peer.mac]);
});
