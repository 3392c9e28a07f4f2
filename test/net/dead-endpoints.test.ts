/**
 * A load balancer that still sends a share of new connections to a dead host, as kube-proxy does
 * for most of a minute.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { changeText } from '../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { addNamespaces, addressLine, deleteNamespaces, forwardIn, haveLinkLocal, ip, ipBatch } from './namespaces.ts';
import {
  type Endpoint,
  loadPath,
  nftIn,
  own,
  type PathLab,
  pathOf,
  startEndpoint,
  startPathLab,
  vipPath,
  vips,
} from './path-lab.ts';

let lab: PathLab;
/** Hosts behind the node. Some tests cut off the first one. */
const backends = [
  { link: 'b1', IPv4: '10.97.1.1' as Ip, IPv6: 'fd97:1::1' as Ip },
  { link: 'b2', IPv4: '10.97.2.1' as Ip, IPv6: 'fd97:2::1' as Ip },
] as const;
let names: readonly string[] = [];
const ends: Endpoint[] = [];
const families = ['IPv4', 'IPv6'] as const;
const tableOf = { IPv4: 'ip', IPv6: 'ip6' } as const;
type Family = (typeof families)[number];
const served = Object.values(vips).map((vip) => vipPath(vip, 'tcp/80'));
const plain = pathOf({ vips: served });
const dead = pathOf({ vips: served, deadEndpoints: [backends[0].IPv4, backends[0].IPv6] });

before(async () => {
  lab = await startPathLab();
  forwardIn(lab.node);
  names = backends.map(({ link }) => `${lab.node}${link}`);
  addNamespaces(names);
  for (const [i, { link, IPv4, IPv6 }] of backends.entries()) {
    const name = names[i] as string;
    ip(`-n ${name} link add v0 type veth peer name ${link} netns ${lab.node}`);
    ipBatch(lab.node, [
      `link set ${link} up`,
      ...[`10.97.${i + 1}.2/24`, `fd97:${i + 1}::2/64`].map((address) => addressLine(link, address)),
    ]);
    ipBatch(name, [
      'link set v0 up',
      ...[`${IPv4}/24`, `${IPv6}/64`].map((address) => addressLine('v0', address)),
      `route add default via 10.97.${i + 1}.2`,
      `route add default via fd97:${i + 1}::2`,
    ]);
    const end = await startEndpoint(name);
    ends.push(end);
    await end.serve('tcp', 80);
    await haveLinkLocal([name]);
  }
  // Connections alternate between the two hosts.
  const proxies = families.map((family) => {
    const [first, second] = backends.map((backend) => backend[family]);
    const at = tableOf[family];
    const ports = 'type inet_service; size 65535; flags dynamic; counter;';
    const isSyn = 'tcp flags & (syn | ack) == syn';
    return `table ${at} proxy {
      set syns { ${ports} }
      set to_first { ${ports} }
      chain in {
        type nat hook prerouting priority -100
        ${at} daddr ${vips[family]} tcp dport 80 dnat to numgen inc mod 2 map { 0 : ${first}, 1 : ${second} }
      }
      chain seen { type filter hook prerouting priority -310; ${isSyn} add @syns { tcp sport }; }
      chain sent { type filter hook postrouting priority 0; ${isSyn} ${at} daddr ${first} add @to_first { tcp sport }; }
    }`;
  });
  nftIn(lab.node, proxies.join('\n'));
});
beforeEach(() => {
  loadPath(lab.node, plain);
  cut(false);
});
after(() => {
  for (const { process } of ends) process.close();
  deleteNamespaces(names);
  lab?.close();
});

/**
 * The number of SYNs from a client port that reached the node, and how many of them the node sent
 * on to the first host.
 */
function synsFrom(family: Family, port: number): { readonly all: number; readonly toFirst: number } {
  const count = (set: string) => {
    const listing = nftIn(lab.node, `list set ${tableOf[family]} proxy ${set}\n`);
    return Number(new RegExp(`\\b${port} counter packets (\\d+)`).exec(listing)?.[1] ?? 0);
  };
  return { all: count('syns'), toFirst: count('to_first') };
}

/** Makes the first host drop everything, or ends that. */
function cut(isCut: boolean): void {
  const drop = 'table inet cut {\n chain in {\n type filter hook prerouting priority -300\n drop\n }\n}';
  nftIn(names[0] as string, `flush ruleset\n${isCut ? drop : ''}\n`);
}

/** Below the kernel's ephemeral ports. */
let lastPort = 20_000;

/** Connects twice, one after the other; gives the client's ports. */
async function connect(family: Family): Promise<readonly number[]> {
  const ports = [++lastPort, ++lastPort];
  for (const localPort of ports) {
    const { text, error } = await lab.clientEnd.ask('tcp', { host: vips[family], port: 80, localPort });
    assert.match(`${text}`, / hello$/, `${family}: ${error}`);
  }
  return ports;
}

/** Runs in all families at once, because a SYN is sent again only after a second. */
function inEachFamily(work: (family: Family) => Promise<void>): Promise<unknown> {
  return Promise.all(families.map(work));
}

test('without our rule connections that are sent to a dead host hang', async () => {
  cut(true);
  await inEachFamily(async (family) => {
    const ports = [++lastPort, ++lastPort];
    const target = { host: vips[family], port: 80, timeoutMs: 1_500 };
    await Promise.all(ports.map((localPort) => lab.clientEnd.ask('tcp', { ...target, localPort })));
    // The next SYN of one connection went there as well, and none of the other connection.
    const toFirst = ports.map((port) => Math.min(2, synsFrom(family, port).toFirst));
    assert.deepEqual(toFirst.sort(), [0, 2], family);
  });
});

test('when a dead host is among the dead endpoints, every connection succeeds with the second SYN at the latest', async () => {
  cut(true);
  nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(dead)));
  await inEachFamily(async (family) => {
    const syns = (await connect(family)).map((port) => synsFrom(family, port));
    assert.ok(
      syns.every(({ all, toFirst }) => all <= 2 && toFirst === 0),
      `${family}: ${JSON.stringify(syns)}`,
    );
  });
});

test('open connections continue when their host is declared dead; new connections avoid the host while it is dead', async () => {
  const named = families.flatMap((family) => ['one', 'two'].map((name) => ({ family, name: `${family} ${name}` })));
  for (const { family, name } of named) await lab.clientEnd.open(name, { host: vips[family], port: 80 });
  nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(dead)));
  for (const { name } of named) assert.match((await lab.clientEnd.say(name, 'still')).text ?? '', / still$/, name);
  await inEachFamily(async (family) => {
    const avoiding = (await connect(family)).map((port) => synsFrom(family, port));
    assert.ok(
      avoiding.some(({ all }) => all === 2) && avoiding.every(({ toFirst }) => toFirst === 0),
      `${family}: ${JSON.stringify(avoiding)}`,
    );
  });
  nftIn(lab.node, changeText(rulesetOf(dead), rulesetOf(plain)));
  await inEachFamily(async (family) => {
    const again = (await connect(family)).map((port) => synsFrom(family, port));
    const [one, other] = again.sort((a, b) => a.toFirst - b.toFirst);
    const expected = [
      { all: 1, toFirst: 0 },
      { all: 1, toFirst: 1 },
    ];
    assert.deepEqual([one, other], expected, family);
  });
});

test('an address of a load balancer among the dead endpoints, where any user may put it, changes nothing', async () => {
  cut(true);
  const forged = { ...dead, deadEndpoints: [...dead.deadEndpoints, ...Object.values(vips)] };
  nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(forged)));
  await inEachFamily(async (family) => {
    const syns = (await connect(family)).map((port) => synsFrom(family, port));
    assert.ok(
      syns.every(({ all, toFirst }) => all <= 2 && toFirst === 0),
      `${family}: ${JSON.stringify(syns)}`,
    );
  });
});

test('a connection to the own address of a dead endpoint has no other choice, and is left alone', async () => {
  ipBatch(lab.client, [`route add 10.97.1.0/24 via ${own.IPv4}`, `route add fd97:1::/64 via ${own.IPv6}`]);
  nftIn(lab.node, changeText(rulesetOf(plain), rulesetOf(dead)));
  await inEachFamily(async (family) => {
    const target = { host: backends[0][family], port: 80, timeoutMs: 2_000 };
    // By a client through the node, and by a program on the node, such as the kubelet.
    for (const end of [lab.clientEnd, lab.nodeEnd]) {
      const { text, error } = await end.ask('tcp', target);
      assert.match(`${text}`, / hello$/, `${family}: ${error}`);
    }
  });
});
