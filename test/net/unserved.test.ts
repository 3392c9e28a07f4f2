/** What a node does with packets for a VIP that no Service takes, and with pings. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { linkName, run, writeSysctl } from './namespaces.ts';
import { loadPath, nftIn, type PathLab, pathOf, startPathLab, vipPath, vips } from './path-lab.ts';

let lab: PathLab;
const families = ['IPv4', 'IPv6'] as const;
const path = pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80', 'udp/80')) });

before(async () => {
  lab = await startPathLab();
  writeSysctl(lab.node, 'net/ipv4/ip_forward', '1');
  writeSysctl(lab.node, 'net/ipv6/conf/all/forwarding', '1');
  // The client counts: resets, redirects, and questions for the VIP.
  for (const [table, what] of [
    ['ip', 'tcp flags rst counter'],
    ['ip6', 'icmpv6 type nd-redirect counter'],
    ['arp', `arp operation request arp daddr ip ${vips.IPv4} counter`],
  ]) {
    nftIn(lab.client, `table ${table} seen {\n chain in {\n type filter hook input priority 0\n ${what}\n }\n}`);
  }
});
beforeEach(() => loadPath(lab.node, path));
after(() => lab?.close());

/** Packets that the client's rule has counted. */
function counted(table: string): number {
  return Number(/packets (\d+)/.exec(nftIn(lab.client, `list table ${table} seen\n`))?.[1]);
}

test('D9 a port that no Service has is refused at once: TCP by a reset, UDP by an error', async () => {
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const { error, ms } = await lab.clientEnd.ask(protocol, { host: vips[family], port: 81 });
      assert.equal(error, 'ECONNREFUSED', `${family} ${protocol}`);
      assert.ok(ms < 900, `${family} ${protocol}: ${ms} ms`);
    }
  }
});

test('D9 a port that kube-proxy does not serve yet is dropped in silence', async () => {
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const { error } = await lab.clientEnd.ask(protocol, { host: vips[family], port: 80, timeoutMs: 500 });
      assert.equal(error, 'Timeout', `${family} ${protocol}`);
    }
  }
});

test('D9 refusals are limited: a scan does not make the node a source of packets', () => {
  const before = counted('ip');
  const scan = `import socket
kept = [socket.socket() for _ in range(500)]
for port, s in enumerate(kept, 1000):
  s.setblocking(False)
  s.connect_ex(('${vips.IPv4}', port))`;
  run(lab.client, 'python3', '-c', scan);
  const answered = counted('ip') - before;
  assert.ok(answered > 0 && answered < 300, `${answered} answers to 500 packets`);
});

test('D9 the node sends no redirect for a packet that it refuses', async () => {
  const before = counted('ip6');
  await lab.clientEnd.ask('udp', { host: vips.IPv6, port: 81 });
  assert.equal(counted('ip6'), before);
});

test('D9 the node asks nobody on the link for the VIP', async () => {
  for (const port of [80, 81]) await lab.clientEnd.ask('tcp', { host: vips.IPv4, port, timeoutMs: 1_200 });
  assert.equal(counted('arp'), 0);
});

test('a ping of a VIP is answered from the VIP', () => {
  for (const family of families) {
    const said = run(lab.client, 'ping', '-n', '-c', '2', '-i', '0.2', '-W', '2', vips[family]);
    assert.match(said, new RegExp(`bytes from ${vips[family]}: icmp_seq=2 .*`), family);
    assert.match(said, /2 received/);
  }
});

test('a ping of an address that is no VIP is not answered', () => {
  assert.throws(() => run(lab.client, 'ping', '-n', '-c', '1', '-W', '1', '10.99.3.9'), linkName);
});
