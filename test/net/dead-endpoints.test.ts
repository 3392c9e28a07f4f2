/** A4: a load balancer that still sends a share of the new connections to a host that is dead, as kube-proxy does for most of a minute. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { rulesetOf } from '../../src/dataplane/desired.ts';
import { changeText } from '../../src/dataplane/ruleset.ts';
import { ip, run, writeSysctl } from './namespaces.ts';
import {
  type Endpoint,
  loadPath,
  nftIn,
  type PathLab,
  pathOf,
  startEndpoint,
  startPathLab,
  vipPath,
  vips,
} from './path-lab.ts';

let lab: PathLab;
/** Hosts behind the node. The first one is cut off in some tests. */
const backends = [
  { link: 'b1', IPv4: '10.97.1.1' as Ip, IPv6: 'fd97:1::1' as Ip },
  { link: 'b2', IPv4: '10.97.2.1' as Ip, IPv6: 'fd97:2::1' as Ip },
] as const;
const names: string[] = [];
const ends: Endpoint[] = [];
const families = ['IPv4', 'IPv6'] as const;
const served = Object.values(vips).map((vip) => vipPath(vip, 'tcp/80'));
const plain = pathOf({ vips: served });
const dead = pathOf({ vips: served, deadEndpoints: [backends[0].IPv4, backends[0].IPv6] });

before(async () => {
  lab = await startPathLab();
  writeSysctl(lab.node, 'net/ipv4/ip_forward', '1');
  writeSysctl(lab.node, 'net/ipv6/conf/all/forwarding', '1');
  for (const [i, { link, IPv4, IPv6 }] of backends.entries()) {
    const name = `${lab.node}${link}`;
    ip(`netns add ${name}`);
    names.push(name);
    ip(`-n ${name} link add v0 type veth peer name ${link} netns ${lab.node}`);
    ip(`-n ${name} link set v0 up`);
    ip(`-n ${lab.node} link set ${link} up`);
    ip(`-n ${name} address add ${IPv4}/24 dev v0`);
    ip(`-n ${name} address add ${IPv6}/64 dev v0 nodad`);
    ip(`-n ${lab.node} address add 10.97.${i + 1}.2/24 dev ${link}`);
    ip(`-n ${lab.node} address add fd97:${i + 1}::2/64 dev ${link} nodad`);
    ip(`-n ${name} route add default via 10.97.${i + 1}.2`);
    ip(`-6 -n ${name} route add default via fd97:${i + 1}::2`);
    const end = await startEndpoint(name);
    ends.push(end);
    await end.serve('tcp', 80);
  }
  // One connection to the one, the next to the other.
  for (const [table, family] of [
    ['ip', 'IPv4'],
    ['ip6', 'IPv6'],
  ] as const) {
    const [first, second] = backends.map((backend) => backend[family]);
    const to = `numgen inc mod 2 map { 0 : ${first}, 1 : ${second} }`;
    nftIn(
      lab.node,
      `table ${table} proxy {
        chain in {
          type nat hook prerouting priority -100
          ${table} daddr ${vips[family]} tcp dport 80 dnat to ${to}
        }
      }`,
    );
  }
});
beforeEach(() => {
  loadPath(lab.node, plain);
  cut(false);
});
after(() => {
  for (const { process } of ends) process.close();
  for (const name of names) ip(`netns del ${name}`);
  lab?.close();
});

/** The first host takes and says nothing any more, or does again. */
function cut(isCut: boolean): void {
  run(names[0] as string, 'nft', 'flush ruleset');
  if (!isCut) return;
  nftIn(names[0] as string, 'table inet cut {\n chain in {\n type filter hook prerouting priority -300\n drop\n }\n}');
}

/** Connects some times, one after the other, and gives the time that each took; undefined: it came to nothing. */
async function connects(
  family: (typeof families)[number],
  timeoutMs: number,
): Promise<readonly (number | undefined)[]> {
  const took: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    const { text, ms } = await lab.clientEnd.ask('tcp', { host: vips[family], port: 80, timeoutMs });
    took.push(text === undefined ? undefined : ms);
  }
  return took;
}

test('A4 without our rule the connections that are sent to a dead host hang', async () => {
  cut(true);
  for (const took of await Promise.all(families.map((family) => connects(family, 1_500)))) {
    assert.equal(took.filter((ms) => ms === undefined).length, 2, `${took}`);
  }
});

test('A4 with its address among the dead every connection comes about with the next SYN', async () => {
  cut(true);
  nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(dead)));
  for (const family of families) {
    const took = await connects(family, 3_000);
    assert.ok(
      took.every((ms) => ms !== undefined && ms < 2_000),
      `${family}: ${took}`,
    );
  }
});

test('A4 what is under way goes on, although its host is taken for dead; new ones avoid the host until it is not', async () => {
  for (const family of families) {
    loadPath(lab.node, plain);
    for (const name of ['one', 'two']) await lab.clientEnd.open(`${family} ${name}`, { host: vips[family], port: 80 });
    nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(dead)));
    for (const name of ['one', 'two']) {
      assert.match((await lab.clientEnd.say(`${family} ${name}`, 'still')).text ?? '', / still$/, name);
    }
    const avoided = await connects(family, 3_000);
    assert.ok(
      avoided.some((ms) => (ms ?? 0) > 900),
      `${family}: ${avoided}`,
    );
    nftIn(lab.node, changeText(rulesetOf(dead), rulesetOf(plain)));
    const took = await connects(family, 3_000);
    assert.ok(
      took.every((ms) => ms !== undefined && ms < 900),
      `${family}: ${took}`,
    );
  }
});
