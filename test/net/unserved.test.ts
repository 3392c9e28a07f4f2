/** What a node does with packets for a VIP that no Service accepts, and with pings. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { tcpFlag } from '../../src/wire/tcp.ts';
import { addressLine, clientMac, forwardIn, ip, ipBatch, linkName, nodeMac, run } from './namespaces.ts';
import { loadPath, nftIn, type PathLab, pathOf, pointTo, startPathLab, vipPath, vips } from './path-lab.ts';
import { segment } from './segments.ts';
import { soon } from './soon.ts';

let lab: PathLab;
const families = ['IPv4', 'IPv6'] as const;
/** An address that no host has; the client sends packets for it to the node. */
const nobodys = '10.99.3.9' as Ip;
/** An address that no host has; the node tries to resolve it. */
const absent = '10.99.0.77' as Ip;
const path = pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80', 'udp/80')) });

before(async () => {
  lab = await startPathLab();
  forwardIn(lab.node);
  pointTo(lab.client, [nobodys], nodeMac);
  // The client counts resets, answers to pings, redirects, and the ARP requests of the node; its
  // own SYNs it counts by their ports.
  const hook = (at: string) => `type filter hook ${at} priority 0`;
  const counters = (...names: readonly string[]) => names.map((name) => `counter ${name} { }`).join('\n');
  const syns = (table: string) => `table ${table} syns {
    set syns { type inet_service; size 65535; flags dynamic; counter; }
    chain out { ${hook('output')}; tcp flags & (syn | ack) == syn add @syns { tcp sport }; }
  }`;
  nftIn(
    lab.client,
    `table ip seen { ${counters('resets', 'pongs', 'strange_pongs')}
      chain in { ${hook('input')}
        tcp flags rst counter name resets
        icmp type echo-reply ip saddr ${vips.IPv4} counter name pongs
        icmp type echo-reply ip saddr ${nobodys} counter name strange_pongs
      }
    }
    table ip6 seen { ${counters('resets', 'redirects')}
      chain in { ${hook('input')}
        tcp flags rst counter name resets
        icmpv6 type nd-redirect counter name redirects
      }
    }
    table arp seen { ${counters('for_vip', 'for_other')}
      chain in { ${hook('input')}
        arp operation request arp daddr ip ${vips.IPv4} counter name for_vip
        arp operation request arp daddr ip ${absent} counter name for_other
      }
    }
    ${syns('ip')}
    ${syns('ip6')}`,
  );
});
beforeEach(() => loadPath(lab.node, path));
after(() => lab?.close());

/** The value of a counter of the client, in packets. */
function counted(table: string, name: string): number {
  return Number(/packets (\d+)/.exec(nftIn(lab.client, `list counter ${table} seen ${name}\n`))?.[1]);
}

/** The number of SYNs that the client has sent from a port. */
function synsFrom(family: (typeof families)[number], port: number): number {
  const listing = nftIn(lab.client, `list set ${family === 'IPv4' ? 'ip' : 'ip6'} syns syns\n`);
  return Number(new RegExp(`\\b${port} counter packets (\\d+)`).exec(listing)?.[1] ?? 0);
}

test('a port that no Service has is refused at once: TCP by a reset, UDP by an error', async () => {
  for (const [i, family] of families.entries()) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const localPort = 20_000 + i;
      const { error } = await lab.clientEnd.ask(protocol, { host: vips[family], port: 81, localPort });
      assert.equal(error, 'ECONNREFUSED', `${family} ${protocol}`);
      // Without the reset the SYN would be sent again a second later.
      if (protocol === 'tcp') assert.equal(synsFrom(family, localPort), 1, family);
    }
  }
});

test('a packet for a port that kube-proxy does not serve yet is dropped silently', async () => {
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const [served, refused] = [80, 81].map((port) => ({ host: vips[family], port }));
      assert.ok(served && refused);
      const { error } = await lab.clientEnd.outrun(protocol, served, { protocol: 'tcp', ...refused });
      assert.equal(error, 'Silent', `${family} ${protocol}`);
    }
  }
});

test('the rate of refusals is limited, so a scan does not make the node a source of many packets', async () => {
  const before = counted('ip', 'resets');
  const ends = { source: clientMac, destination: nodeMac, from: '10.99.0.1' as Ip, to: vips.IPv4 };
  const scan = Array.from({ length: 500 }, (_, i) => segment({ ...ends, port: 1_000 + i }, tcpFlag.synchronize));
  await lab.clientEnd.raw(...scan);
  await soon('some SYNs are answered', () => counted('ip', 'resets') > before);
  // The ping is answered after everything that came before it.
  run(lab.client, 'ping', '-n', '-c', '1', '-W', '10', vips.IPv4);
  const answered = counted('ip', 'resets') - before;
  assert.ok(answered < 300, `${answered} answers to 500 packets`);
});

test('the node sends no redirect for a packet that it refuses', async () => {
  // The kernel sends at most one redirect a second to one address and about one address: these two are new.
  const [from, to] = ['fd99::9' as Ip, 'fd99::309' as Ip];
  ipBatch(lab.client, [addressLine(linkName, `${from}/64`)]);
  loadPath(lab.node, pathOf({ vips: [vipPath(to, 'tcp/80')] }));
  const [resets, redirects] = [counted('ip6', 'resets'), counted('ip6', 'redirects')];
  const ends = { source: clientMac, destination: nodeMac, from, to, port: 81 };
  await lab.clientEnd.raw(segment(ends, tcpFlag.synchronize));
  await soon('the packet is refused', () => counted('ip6', 'resets') > resets);
  assert.equal(counted('ip6', 'redirects'), redirects);
});

test('the node never tries to resolve the VIP on the link', async () => {
  const [served, refused] = [80, 81].map((port) => ({ host: vips.IPv4, port }));
  assert.ok(served && refused);
  assert.equal((await lab.clientEnd.outrun('tcp', served, { protocol: 'tcp', ...refused })).error, 'Silent');
  // A request for this address comes after all earlier ones.
  ip(`-n ${lab.node} neigh replace ${absent} dev ${linkName} use`);
  await soon('the node has requested another address', () => counted('arp', 'for_other') > 0);
  assert.equal(counted('arp', 'for_vip'), 0);
});

test('a ping of a VIP is answered from the VIP', () => {
  for (const family of families) {
    const said = run(lab.client, 'ping', '-n', '-c', '2', '-i', '0.2', '-W', '10', vips[family]);
    assert.match(said, new RegExp(`bytes from ${vips[family]}: icmp_seq=2 .*`), family);
    assert.match(said, /2 received/);
  }
});

test('a ping of an address that is no VIP is not answered', () => {
  const ping = (...words: readonly string[]) => run(lab.client, 'ping', '-n', '-c', '1', '-W', ...words);
  assert.throws(() => ping('0.1', nobodys));
  const before = counted('ip', 'pongs');
  ping('10', vips.IPv4);
  assert.deepEqual([counted('ip', 'pongs'), counted('ip', 'strange_pongs')], [before + 1, 0]);
});
