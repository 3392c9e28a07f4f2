/** ICMP errors of routers about a spread connection reach the node that serves it, whichever node holds the VIP. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FarClient, far, smallMtu, startFarClient } from './far-client.ts';
import { ip, ipBatch, linkName } from './namespaces.ts';
import { loadPath, nftIn, vips } from './path-lab.ts';
import { slotOf } from './slot-hash.ts';
import { soon } from './soon.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts } from './spread-lab.ts';

const { client: router, a, b } = hosts;
const protocolFlag = { IPv4: '-4', IPv6: '-6' } as const;
const handOffs = { KubeProxy: '', NodePort: '>8080' } as const;
type Family = (typeof families)[number];

/** The lab's client acts as a router here. */
let started: lab.SpreadLab;
let farClient: FarClient;

before(async () => {
  started = await lab.startSpreadLab();
  farClient = await startFarClient(router.name);
  ipBatch(
    router.name,
    families.map((family) => `route add ${vips[family]} dev ${linkName}`),
  );
  const byRouter = families.map((family) => `route add default via ${router[family]}`);
  for (const { name } of [a, b]) ipBatch(name, byRouter);
});
after(() => {
  farClient?.close();
  started?.close();
});

/**
 * Gives all slots to one node. If ports decide the slot, the slot of the client's address alone
 * goes to the other node.
 */
function load(serves: Host, family: Family, facts: { nodePort: string; sticky: boolean }): void {
  const other = serves.name === a.name ? b : a;
  const slot = slotOf(far[family]);
  const table = facts.sticky ? lab.tableWith(slot, serves) : lab.tableWith(slot, other);
  for (const node of [a, b]) {
    lab.resetNode(node);
    if (facts.nodePort !== '') nftIn(node.name, 'flush chain ip proxy in\nflush chain ip6 proxy in\n');
    const nodeAddresses = facts.nodePort === '' ? {} : { IPv4: node.IPv4, IPv6: node.IPv6 };
    loadPath(node.name, lab.spreadPath(node, table, { ...facts, nodeAddresses }));
    ip(`${protocolFlag[family]} -n ${node.name} route flush cache`);
  }
}

/** The MTU that a node's kernel has learned for the path to the client. */
function pathMtu({ name }: Host, family: Family): string | undefined {
  return /mtu (\d+)/.exec(ip(`-n ${name} ${protocolFlag[family]} route get ${far[family]}`))?.[1];
}

/** The client requests a large answer. */
function askMuch(family: Family) {
  return farClient.end.ask('tcp', { host: vips[family], port: 80, text: 'send 100000' });
}

for (const [handOff, nodePort] of Object.entries(handOffs)) {
  for (const family of families) {
    for (const sticky of [false, true]) {
      test(`a packet that is too big for a link on the path is sent again in smaller ones by the node that serves: ${handOff}, ${family}${sticky ? ', sticky' : ''}`, async () => {
        for (const [holder, other] of [
          [a, b],
          [b, a],
        ] as const) {
          lab.heldBy(holder);
          load(other, family, { nodePort, sticky });
          const { text, error } = await askMuch(family);
          assert.equal(text?.length, 99_999, `${error}`);
          assert.deepEqual([pathMtu(holder, family), pathMtu(other, family)], [undefined, `${smallMtu}`]);
        }
      });
    }
  }
}

test('without the rules for errors the client waits in vain', async () => {
  lab.heldBy(a);
  load(b, 'IPv4', { nodePort: '', sticky: false });
  const rule = 'icmp type destination-unreachable counter';
  nftIn(
    a.name,
    `flush map netdev berth errors_ip
     table ip errors { chain in { type filter hook prerouting priority -400; ${rule}; }; }`,
  );
  const errors = () => Number(/packets (\d+)/.exec(nftIn(a.name, 'list table ip errors\n'))?.[1]);
  const answer = askMuch('IPv4');
  const soFar = Promise.race([answer.catch(() => undefined), soon('the holder gets two errors', () => errors() >= 2)]);
  // B has sent the large packet again, so the first error had no effect.
  assert.equal(await soFar, true);
  assert.equal(pathMtu(b, 'IPv4'), undefined);
});
