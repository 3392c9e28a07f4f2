/** What the rules count and hold back for each VIP, and the gate that all of them are behind. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rulesetOf } from '../../src/dataplane/desired.ts';
import { keepAliveText } from '../../src/dataplane/part.ts';
import { nodeMac, run } from './namespaces.ts';
import { loadPath, nftIn, type PathLab, pathOf, pointTo, startPathLab, vipPath, vips } from './path-lab.ts';

let lab: PathLab;
const other = '10.99.3.2';
/** A node port belongs to one Service, and so to one VIP of a family. */
const one = vipPath(vips.IPv4, 'tcp/80>30080', 'udp/80>30080');
const two = vipPath(other, 'tcp/80>30081', 'udp/80>30081');

before(async () => {
  lab = await startPathLab();
  pointTo(lab.client, [other], nodeMac);
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const port of [30_080, 30_081]) await lab.nodeEnd.serve(protocol, port);
  }
});
after(() => lab?.close());

/** Packets counted for a VIP. */
function packetsFor(vip: string): number {
  const set = nftIn(lab.node, `list set ${vip.includes(':') ? 'ip6' : 'ip'} berth vips\n`);
  const [, packets] = new RegExp(`${vip} counter packets (\\d+)`).exec(set) ?? [];
  return Number(packets);
}

/** How many of so many connections come about at once: who is held back tries again a second later. */
async function connected(host: string, tries: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: tries }, () => lab.clientEnd.ask('tcp', { host, port: 80, timeoutMs: 600 })),
  );
  return answers.filter(({ text }) => text !== undefined).length;
}

test('every VIP counts the packets that come for it', async () => {
  loadPath(lab.node, pathOf({ vips: [one, two, vipPath(vips.IPv6, 'udp/80>30080')] }));
  for (let i = 0; i < 3; i++) await lab.clientEnd.ask('udp', { host: vips.IPv4, port: 80 });
  await lab.clientEnd.ask('udp', { host: vips.IPv6, port: 80 });
  assert.deepEqual([vips.IPv4, other, vips.IPv6].map(packetsFor), [3, 0, 1]);
});

test('new connections above the limit are dropped, those of other VIPs and what is under way are not', async () => {
  loadPath(lab.node, pathOf({ vips: [one, two], synLimit: 5 }));
  assert.equal((await lab.clientEnd.open('kept', { host: vips.IPv4, port: 80 })).error, undefined);
  const of = await connected(vips.IPv4, 30);
  assert.ok(of >= 3 && of <= 12, `${of} of 30 connected, 5 a second may`);
  assert.equal(await connected(other, 4), 4);
  for (const round of ['1', '2', '3']) assert.match((await lab.clientEnd.say('kept', round)).text ?? '', / \d$/);
  const { text } = await lab.clientEnd.ask('udp', { host: vips.IPv4, port: 80 });
  assert.match(text ?? '', /hello/, 'UDP has no limit');
});

test('once the speaker has not renewed the gate the rules do nothing, and when it does they work again', async () => {
  const path = pathOf({
    vips: [vipPath(vips.IPv4, 'tcp/80>30080', 'udp/80>30080'), vipPath(vips.IPv6, 'udp/80>30080')],
  });
  loadPath(lab.node, path);
  /** Does everything work, or nothing? What is dropped is waited for less long. */
  const assertWorks = async (works: boolean) => {
    const timeoutMs = works ? 3_000 : 500;
    const { text } = await lab.clientEnd.ask('udp', { host: vips.IPv4, port: 80, timeoutMs });
    const ping = `ping -n -c 1 -W 1 ${vips.IPv4} >/dev/null && echo true || echo false`;
    assert.deepEqual([text !== undefined, run(lab.client, 'sh', '-c', ping).trim()], [works, String(works)]);
  };
  await assertWorks(true);
  nftIn(lab.node, ['ip', 'ip6', 'arp'].map((family) => `flush set ${family} berth alive\n`).join(''));
  await assertWorks(false);
  const tables = rulesetOf(path);
  // First the gate has run out, then it has not.
  for (let i = 0; i < 2; i++) {
    nftIn(lab.node, keepAliveText(tables));
    await assertWorks(true);
  }
});

test('renewing the gate gives its elements their whole time again', () => {
  const path = pathOf();
  loadPath(lab.node, path);
  // As if most of the time were over.
  nftIn(lab.node, 'flush set arp berth alive\nadd element arp berth alive { arp timeout 20s }\n');
  nftIn(lab.node, keepAliveText(rulesetOf(path)));
  const left = nftIn(lab.node, 'list set arp berth alive\n');
  assert.equal([...left.matchAll(/expires 9m5\ds/g)].length + [...left.matchAll(/expires 10m/g)].length, 3, left);
});
