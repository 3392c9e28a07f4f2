/** ICMP errors of routers about packets of hand-off `NodePort` reach the socket that sent them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FarClient, far, smallMtu, startFarClient } from './far-client.ts';
import { createPair, forwardIn, haveLinkLocal, ip, ipBatch, type Pair, run } from './namespaces.ts';
import { type Endpoint, loadPath, own, pathOf, startEndpoint, vipPath, vips } from './path-lab.ts';

const tables = { IPv4: 'ip', IPv6: 'ip6' } as const;

/** The pair's client acts as a router here. */
let pair: Pair;
let client: FarClient;
let nodeEnd: Endpoint;

before(async () => {
  pair = createPair({ hasDad: false });
  forwardIn(pair.node);
  client = await startFarClient(pair.client);
  ipBatch(pair.node, ['route add default via 10.99.0.1', 'route add default via fd99::1']);
  ipBatch(
    pair.client,
    (['IPv4', 'IPv6'] as const).map((family) => `route add ${vips[family]} via ${own[family]}`),
  );
  nodeEnd = await startEndpoint(pair.node);
  for (const port of [30_080, 30_081]) await nodeEnd.serve('tcp', port);
  await haveLinkLocal([pair.client, pair.node]);
  loadPath(pair.node, pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80>30080')) }));
});
after(() => {
  nodeEnd?.process.close();
  client?.close();
  pair?.close();
});

/** The node kernel's route to the client, with the MTU that it has learned. */
function pathMtu(family: 'IPv4' | 'IPv6'): string {
  return ip(`-n ${pair.node} ${family === 'IPv4' ? '-4' : '-6'} route get ${far[family]}`);
}

for (const family of ['IPv4', 'IPv6'] as const) {
  test(`a packet that is too big for a link on the path is sent again in smaller ones, ${family}`, async () => {
    ip(`-n ${pair.node} ${family === 'IPv4' ? '-4' : '-6'} route flush cache`);
    const { text, error } = await client.end.ask('tcp', { host: vips[family], port: 80, text: 'send 100000' });
    const listing = run(pair.node, 'nft', 'list', 'table', tables[family], 'berth');
    assert.equal(text?.length, 99_999, `${error}\n${listing}`);
    assert.match(pathMtu(family), new RegExp(`mtu ${smallMtu}`));
  });
}
