/** D2: errors of routers about what the hand-off `NodePort` has sent reach the socket that sent it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createPair, ip, linkName, type Pair, run } from './namespaces.ts';
import { type Endpoint, loadPath, own, pathOf, startEndpoint, vipPath, vips } from './path-lab.ts';

/** Less than the first packets that a server sends. */
const smallMtu = 1_300;
const far = { IPv4: '10.98.0.1', IPv6: 'fd98::1' } as const;
const router = { IPv4: '10.99.0.1', IPv6: 'fd99::1' } as const;
const tables = { IPv4: 'ip', IPv6: 'ip6' } as const;

/** The pair's client is a router here; behind it, over a link of a small MTU, is the true client. */
let pair: Pair;
let farName: string;
let clientEnd: Endpoint;
let nodeEnd: Endpoint;

before(async () => {
  pair = createPair();
  farName = `${pair.client}far`;
  ip(`netns add ${farName}`);
  ip(`-n ${pair.client} link add far type veth peer name ${linkName} netns ${farName}`);
  // The client's end takes and sends full packets: it is the router that finds them too big.
  ip(`-n ${pair.client} link set far mtu ${smallMtu} up`);
  ip(`-n ${farName} link set ${linkName} up`);
  for (const [name, link, addresses] of [
    [pair.client, 'far', ['10.98.0.254/24', 'fd98::fe/64']],
    [farName, linkName, ['10.98.0.1/24', 'fd98::1/64']],
  ] as const) {
    for (const address of addresses) {
      ip(`-n ${name} address add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`);
    }
  }
  run(pair.client, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
  run(pair.node, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
  for (const family of ['IPv4', 'IPv6'] as const) {
    const flag = family === 'IPv4' ? '-4' : '-6';
    ip(`${flag} -n ${farName} route add default via ${family === 'IPv4' ? '10.98.0.254' : 'fd98::fe'}`);
    ip(`${flag} -n ${pair.node} route add default via ${router[family]}`);
    ip(`${flag} -n ${pair.client} route add ${vips[family]} via ${own[family]}`);
  }
  [clientEnd, nodeEnd] = await Promise.all([startEndpoint(farName), startEndpoint(pair.node)]);
  for (const port of [30_080, 30_081]) await nodeEnd.serve('tcp', port);
  loadPath(pair.node, pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80>30080')) }));
});
after(() => {
  for (const end of [clientEnd, nodeEnd]) end?.process.close();
  pair?.close();
  if (farName) ip(`netns del ${farName}`);
});

/** What the node's kernel has learned of the way to the client. */
function pathMtu(family: 'IPv4' | 'IPv6'): string {
  return ip(`-n ${pair.node} ${family === 'IPv4' ? '-4' : '-6'} route get ${far[family]}`);
}

for (const family of ['IPv4', 'IPv6'] as const) {
  test(`D2 a packet that is too big for a link on the way is sent again in pieces, ${family}`, async () => {
    ip(`-n ${pair.node} ${family === 'IPv4' ? '-4' : '-6'} route flush cache`);
    const { text, error } = await clientEnd.ask('tcp', { host: vips[family], port: 80, text: 'send 100000' });
    const listing = run(pair.node, 'nft', 'list', 'table', tables[family], 'berth');
    assert.equal(text?.length, 99_999, `${error}\n${listing}`);
    assert.match(pathMtu(family), new RegExp(`mtu ${smallMtu}`));
  });
}
