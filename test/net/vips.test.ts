/** What the rules count and limit for each VIP, and the gate in front of all rules. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { keepAliveText } from '../../src/dataplane/nft/fragment.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { tcpFlag } from '../../src/wire/tcp.ts';
import { clientMac, nodeMac, run } from './namespaces.ts';
import { loadPath, nftIn, own, type PathLab, pathOf, pointTo, startPathLab, vipPath, vips } from './path-lab.ts';
import { segment } from './segments.ts';

let lab: PathLab;
const other = '10.99.3.2';
/** A node port belongs to one Service, and so to one VIP of a family. */
const one = vipPath(vips.IPv4, 'tcp/80>30080', 'udp/80>30080');
const two = vipPath(other, 'tcp/80>30081', 'udp/80>30081');

before(async () => {
  lab = await startPathLab();
  pointTo(lab.client, [other], nodeMac);
  const rule = `icmp type echo-reply ip saddr ${vips.IPv4} counter`;
  nftIn(lab.client, `table ip seen { chain in { type filter hook input priority 0; ${rule}; }; }`);
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const port of [30_080, 30_081]) await lab.nodeEnd.serve(protocol, port);
  }
});
after(() => lab?.close());

/** The number of ping replies from the VIP to the client. */
function pongs(): number {
  return Number(/packets (\d+)/.exec(nftIn(lab.client, 'list table ip seen\n'))?.[1]);
}

/** The number of packets that are counted for a VIP. */
function packetsFor(vip: string): number {
  const set = nftIn(lab.node, `list set ${vip.includes(':') ? 'ip6' : 'ip'} berth vips\n`);
  const [, packets] = new RegExp(`${vip} counter packets (\\d+)`).exec(set) ?? [];
  return Number(packets);
}

/** The number of SYNs above the limit. */
function dropped(): number {
  return Number(/counter packets (\d+) bytes \d+ drop/.exec(nftIn(lab.node, 'list chain ip berth watched\n'))?.[1]);
}

test('every VIP counts the packets that come for it', async () => {
  loadPath(lab.node, pathOf({ vips: [one, two, vipPath(vips.IPv6, 'udp/80>30080')] }));
  for (let i = 0; i < 3; i++) await lab.clientEnd.ask('udp', { host: vips.IPv4, port: 80 });
  await lab.clientEnd.ask('udp', { host: vips.IPv6, port: 80 });
  assert.deepEqual([vips.IPv4, other, vips.IPv6].map(packetsFor), [3, 0, 1]);
});

test('new connections above the limit are dropped, those of other VIPs and open connections are not', async () => {
  loadPath(lab.node, pathOf({ vips: [one, two], synLimit: 5 }));
  assert.equal((await lab.clientEnd.open('kept', { host: vips.IPv4, port: 80 })).error, undefined);
  const ends = { source: clientMac, destination: nodeMac, from: '10.99.0.1' as Ip, to: vips.IPv4 };
  await lab.clientEnd.raw(...Array.from({ length: 30 }, () => segment(ends, tcpFlag.synchronize)));
  // This request is answered after all of them.
  const { text } = await lab.clientEnd.ask('udp', { host: vips.IPv4, port: 80 });
  assert.match(text ?? '', /hello/, 'UDP has no limit');
  const held = dropped();
  assert.ok(held >= 18 && held <= 27, `${held} of 30 were dropped, 5 a second may pass`);
  const asked = await Promise.all([1, 2, 3, 4].map(() => lab.clientEnd.ask('tcp', { host: other, port: 80 })));
  for (const answer of asked) assert.match(`${answer.text}`, /hello/, answer.error ?? '');
  assert.equal(dropped(), held);
  for (const round of ['1', '2', '3']) assert.match((await lab.clientEnd.say('kept', round)).text ?? '', / \d$/);
});

test('the rules do nothing once the gate has run out, and work again once the speaker renews it', async () => {
  const path = pathOf({
    vips: [vipPath(vips.IPv4, 'tcp/80>30080', 'udp/80>30080'), vipPath(vips.IPv6, 'udp/80>30080')],
  });
  loadPath(lab.node, path);
  /**
   * Asserts that everything works, or nothing. A later answer from the node itself proves that no
   * other answer will come.
   */
  const assertWorks = async (works: boolean) => {
    const before = pongs();
    const ping = `ping -n -c 1 -W ${works ? 10 : 0.1} ${vips.IPv4} || true`;
    run(lab.client, 'sh', '-c', ping);
    const [question, itself] = [
      { host: vips.IPv4, port: 80 },
      { protocol: 'udp', host: own.IPv4, port: 30_080 } as const,
    ];
    const { text, error } = await (works
      ? lab.clientEnd.ask('udp', question)
      : lab.clientEnd.outrun('udp', question, itself));
    assert.deepEqual([text !== undefined, pongs() - before], works ? [true, 1] : [false, 0], error ?? '');
    if (!works) assert.equal(error, 'Silent');
  };
  await assertWorks(true);
  nftIn(lab.node, ['ip', 'ip6', 'arp'].map((family) => `flush set ${family} berth alive\n`).join(''));
  await assertWorks(false);
  const tables = rulesetOf(path);
  // First the gate has run out, then it is renewed while it is open.
  for (let i = 0; i < 2; i++) {
    nftIn(lab.node, keepAliveText(tables));
    await assertWorks(true);
  }
});

test('renewing the gate gives its elements their full time again', () => {
  const path = pathOf();
  loadPath(lab.node, path);
  // As if most of the time were over.
  nftIn(lab.node, 'flush set arp berth alive\nadd element arp berth alive { arp timeout 20s }\n');
  nftIn(lab.node, keepAliveText(rulesetOf(path)));
  const left = nftIn(lab.node, 'list set arp berth alive\n');
  assert.equal([...left.matchAll(/expires 9m5\ds/g)].length + [...left.matchAll(/expires 10m/g)].length, 3, left);
});
