/** D1: errors of routers about a connection that is spread reach the node that serves it, whoever holds the VIP. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { ip, linkName, run } from './namespaces.ts';
import { type Endpoint, loadPath, nftIn, startEndpoint, vips } from './path-lab.ts';
import { slotOf } from './slot-hash.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts } from './spread-lab.ts';

/** Less than the first packets that a server sends. */
const smallMtu = 1_300;
const far = { IPv4: '10.98.0.1' as Ip, IPv6: 'fd98::1' as Ip } as const;
const { client: router, a, b } = hosts;
const farName = `${router.name}-far`;
const protocolFlag = { IPv4: '-4', IPv6: '-6' } as const;
const handOffs = { KubeProxy: '', NodePort: '>8080' } as const;
type Family = (typeof families)[number];

/** The lab's client is a router here; behind it, over a link of a small MTU, is the true client. */
let started: lab.SpreadLab;
let clientEnd: Endpoint;

before(async () => {
  started = await lab.startSpreadLab();
  ip(`netns add ${farName}`);
  ip(`-n ${router.name} link add far type veth peer name ${linkName} netns ${farName}`);
  // The client's end takes and sends full packets: it is the router that finds them too big.
  ip(`-n ${router.name} link set far mtu ${smallMtu} up`);
  ip(`-n ${farName} link set ${linkName} up`);
  for (const [name, link, addresses] of [
    [router.name, 'far', ['10.98.0.254/24', 'fd98::fe/64']],
    [farName, linkName, [`${far.IPv4}/24`, `${far.IPv6}/64`]],
  ] as const) {
    for (const address of addresses) {
      ip(`-n ${name} address add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`);
    }
  }
  const forward = 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding';
  run(router.name, 'sh', '-c', forward);
  for (const family of families) {
    const flag = protocolFlag[family];
    ip(`${flag} -n ${farName} route add default via ${family === 'IPv4' ? '10.98.0.254' : 'fd98::fe'}`);
    ip(`${flag} -n ${router.name} route add ${vips[family]} dev ${linkName}`);
    for (const { name } of [a, b]) ip(`${flag} -n ${name} route add default via ${router[family]}`);
  }
  clientEnd = await startEndpoint(farName);
});
after(() => {
  clientEnd?.process.close();
  started?.close();
  try {
    ip(`netns del ${farName}`);
  } catch {}
});

/** All slots belong to a node, but that of the client alone where that is not what connections are spread by. */
function load(serves: Host, family: Family, facts: { nodePort: string; sticky: boolean }): void {
  const other = serves.name === a.name ? b : a;
  const slot = slotOf(far[family]);
  const table = facts.sticky ? lab.tableWith(slot, serves) : lab.tableWith(slot, other);
  for (const node of [a, b]) {
    lab.resetNode(node);
    if (facts.nodePort !== '') for (const at of ['ip', 'ip6']) nftIn(node.name, `flush chain ${at} proxy in\n`);
    const nodeAddresses = facts.nodePort === '' ? {} : { IPv4: node.IPv4, IPv6: node.IPv6 };
    loadPath(node.name, lab.spreadPath(node, table, { ...facts, nodeAddresses }));
    ip(`${protocolFlag[family]} -n ${node.name} route flush cache`);
  }
}

/** What a node's kernel has learned of the way to the client. */
function pathMtu({ name }: Host, family: Family): string | undefined {
  return /mtu (\d+)/.exec(ip(`-n ${name} ${protocolFlag[family]} route get ${far[family]}`))?.[1];
}

/** The client asks for much. */
function askMuch(family: Family) {
  return clientEnd.ask('tcp', { host: vips[family], port: 80, text: 'send 100000' });
}

for (const [handOff, nodePort] of Object.entries(handOffs)) {
  for (const family of families) {
    for (const sticky of [false, true]) {
      test(`D1 a packet that is too big for a link on the way is sent again in pieces by the node that serves: ${handOff}, ${family}${sticky ? ', sticky' : ''}`, async () => {
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

test('D1 without the rules for errors the client waits in vain', async () => {
  lab.heldBy(a);
  load(b, 'IPv4', { nodePort: '', sticky: false });
  nftIn(a.name, 'flush map netdev berth errors_ip\n');
  const { error } = await askMuch('IPv4');
  assert.equal(error, 'Timeout');
});
