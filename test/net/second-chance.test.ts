/** A9: a connection that is under way goes on when its VIP moves, for the new holder hands it to the old one. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { DataPath } from '../../src/dataplane/path.ts';
import { eventually } from '../lab/poll.ts';
import { ip, linkName } from './namespaces.ts';
import { type Endpoint, loadPath, nftIn, pathOf, pointTo, startEndpoint, vipPath, vips } from './path-lab.ts';
import { sendStraySegment } from './stray-segment.ts';

const prefix = `berth-${process.pid}-`;
const bridgeName = `${prefix}bridge`;
const hosts = {
  client: { name: `${prefix}client`, mac: '02:00:00:00:00:01', IPv4: '10.99.0.1' as Ip, IPv6: 'fd99::1' as Ip },
  a: { name: `${prefix}a`, mac: '02:00:00:00:00:aa', IPv4: '10.99.0.11' as Ip, IPv6: 'fd99::11' as Ip },
  b: { name: `${prefix}b`, mac: '02:00:00:00:00:bb', IPv4: '10.99.0.12' as Ip, IPv6: 'fd99::12' as Ip },
} as const;
type Host = (typeof hosts)[keyof typeof hosts];
const { client, a, b } = hosts;
const families = ['IPv4', 'IPv6'] as const;
const ends: Endpoint[] = [];
let clientEnd: Endpoint;

before(async () => {
  ip(`netns add ${bridgeName}`);
  ip(`-n ${bridgeName} link add br0 type bridge mcast_snooping 0`);
  ip(`-n ${bridgeName} link set br0 up`);
  for (const [port, { name, mac, IPv4, IPv6 }] of Object.entries(hosts)) {
    ip(`netns add ${name}`);
    ip(`-n ${name} link add ${linkName} address ${mac} type veth peer name ${port} netns ${bridgeName}`);
    ip(`-n ${bridgeName} link set dev ${port} master br0 up`);
    ip(`-n ${name} link set ${linkName} up`);
    ip(`-n ${name} address add ${IPv4}/16 dev ${linkName}`);
    ip(`-n ${name} address add ${IPv6}/64 dev ${linkName} nodad`);
  }
  for (const table of ['ip', 'ip6']) {
    const rule = 'tcp sport 80 tcp flags rst counter';
    nftIn(client.name, `table ${table} seen {\n chain in {\n type filter hook input priority 0\n ${rule}\n }\n}`);
  }
  for (const { name } of Object.values(hosts)) ends.push(await startEndpoint(name));
  const [first, ...nodes] = ends as [Endpoint, ...Endpoint[]];
  clientEnd = first;
  for (const node of nodes) await node.serve('tcp', 8080);
});
beforeEach(() => {
  for (const node of [a, b]) {
    nftIn(node.name, 'flush ruleset\n');
    serve(node);
  }
});
after(() => {
  for (const { process } of ends) process.close();
  for (const name of [...Object.values(hosts).map((host) => host.name), bridgeName]) {
    try {
      ip(`netns del ${name}`);
    } catch {}
  }
});

/** What stands for kube-proxy: the node's own program serves the VIP. And a count of what the other node sent here for it. */
function serve({ name, ...host }: Host): void {
  const other = host.mac === a.mac ? b : a;
  for (const [table, family] of [
    ['ip', 'IPv4'],
    ['ip6', 'IPv6'],
  ] as const) {
    const at = family === 'IPv4' ? host.IPv4 : `[${host.IPv6}]`;
    nftIn(
      name,
      `table ${table} proxy {
        chain in {
          type nat hook prerouting priority -100
          ${table} daddr ${vips[family]} tcp dport 80 dnat to ${at}:8080
        }
        chain seen {
          type filter hook prerouting priority -400
          ether saddr ${other.mac} ${table} daddr ${vips[family]} counter
        }
      }`,
    );
  }
}

/** Packets for the VIP that the other node has sent to this one. */
function handedTo({ name }: Host, family: 'IPv4' | 'IPv6'): number {
  const listing = nftIn(name, `list chain ${family === 'IPv4' ? 'ip' : 'ip6'} proxy seen\n`);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

/** Packets for the VIP that B has sent to A, once no more come: a client acknowledges what came last only some time later (RFC 9293 3.8.6.3). */
function quietCount(family: 'IPv4' | 'IPv6'): Promise<number> {
  let last = -1;
  const isQuiet = () => {
    const now = handedTo(a, family);
    const before = last;
    last = now;
    return now === before && now;
  };
  return eventually('no more packets', isQuiet, { everyMs: 600 });
}

/** The path of a node: who held the VIPs before. */
function pathFor(former: Host | undefined, facts: Partial<DataPath> = {}): DataPath {
  const neighbour = (host: Host, family: 'IPv4' | 'IPv6') => {
    return { node: host.name, address: host[family], mac: host.mac, link: linkName };
  };
  return pathOf({
    nodeAddresses: {},
    vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80')),
    chances: former ? families.map((family) => ({ vip: vips[family], to: neighbour(former, family) })) : [],
    ...facts,
  });
}

/** The client is told who has the VIPs. */
function movesTo({ mac }: Host): void {
  for (const vip of Object.values(vips)) pointTo(client.name, vip, mac);
}

/** A connection by way of A that has said something, and then a move to B. */
async function movedConnection(family: 'IPv4' | 'IPv6'): Promise<string> {
  movesTo(a);
  const name = `${family} ${performance.now()}`;
  assert.equal((await clientEnd.open(name, { host: vips[family], port: 80 })).error, undefined);
  assert.match((await clientEnd.say(name, 'at A')).text ?? '', / at A$/);
  movesTo(b);
  return name;
}

test('A9 a connection that began at the former holder goes on, its bytes in order; new ones are served by the new holder', async () => {
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  for (const family of families) {
    const name = await movedConnection(family);
    for (let i = 0; i < 20; i++)
      assert.match(`${(await clientEnd.say(name, `word ${i}`)).text}`, new RegExp(` word ${i}$`));
    const long = await clientEnd.say(name, 'send 300000');
    assert.equal(long.text?.length, 299_999, String(long.error));
    const handed = await quietCount(family);
    assert.ok(handed > 20, `${family}: ${handed}`);
    assert.match((await clientEnd.ask('tcp', { host: vips[family], port: 80 })).text ?? '', / hello$/);
    assert.equal(await quietCount(family), handed, 'what begins now is not handed on');
  }
});

test('A9 without our rules such a connection is reset', async () => {
  for (const family of families) {
    const name = await movedConnection(family);
    const { error } = await clientEnd.say(name, 'gone');
    assert.ok(error === 'ECONNRESET' || error === 'Closed', `${family}: ${error}`);
  }
});

/** A segment of a connection that nobody knows, sent to the holder by the client. */
function straySegment(family: 'IPv4' | 'IPv6', flags: string): void {
  sendStraySegment({ namespace: client.name, from: client[family], to: vips[family] }, flags);
}

/** Resets that the client has had from the VIP. */
function resets(family: 'IPv4' | 'IPv6'): number {
  const listing = nftIn(client.name, `list table ${family === 'IPv4' ? 'ip' : 'ip6'} seen\n`);
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

test('A9 what nobody knows is handed on once, although each node takes the other for the one that may know it', async () => {
  movesTo(b);
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  for (const family of families) {
    const counts = () => [handedTo(a, family), handedTo(b, family), resets(family)];
    const before = counts();
    straySegment(family, '0x10');
    const after = await eventually('the last to get it resets it', () => {
      const now = counts();
      return now[2] !== before[2] ? now : undefined;
    });
    const gained = after.map((count, i) => count - (before[i] ?? 0));
    assert.deepEqual(gained, [1, 0, 1], family);
  }
});

test('A9 what begins a connection, or resets one, is never handed on', async () => {
  movesTo(b);
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  for (const family of families) {
    const before = [handedTo(a, family), resets(family)];
    const segments = { SYN: '0x02', 'SYN and ACK': '0x12', RST: '0x04', 'RST and ACK': '0x14' };
    for (const flags of Object.values(segments)) straySegment(family, flags);
    // Frames keep their order: what comes after them has been looked at after them.
    straySegment(family, '0x10');
    await eventually('the last one is reset', () => resets(family) > (before[1] ?? 0));
    await eventually('the last one was handed on', () => handedTo(a, family) > (before[0] ?? 0));
    assert.equal(handedTo(a, family) - (before[0] ?? 0), 1, family);
  }
});

test('A9 with hand-off NodePort a connection goes on as well', async () => {
  const handed = ({ IPv4, IPv6 }: Host): Partial<DataPath> => {
    return { nodeAddresses: { IPv4, IPv6 }, vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80>8080')) };
  };
  for (const table of ['ip', 'ip6']) for (const { name } of [a, b]) nftIn(name, `flush chain ${table} proxy in\n`);
  loadPath(a.name, pathFor(b, handed(a)));
  loadPath(b.name, pathFor(a, handed(b)));
  for (const family of families) {
    const name = await movedConnection(family);
    for (let i = 0; i < 5; i++) {
      assert.match(`${(await clientEnd.say(name, `word ${i}`)).text}`, new RegExp(` word ${i}$`), family);
    }
    assert.match(`${(await clientEnd.ask('tcp', { host: vips[family], port: 80 })).text}`, / hello$/, family);
    const before = resets(family);
    nftIn(b.name, `flush map ${family === 'IPv4' ? 'ip' : 'ip6'} berth chances\n`);
    straySegment(family, '0x10');
    await eventually('what has no other chance is served here', () => resets(family) > before);
  }
});
