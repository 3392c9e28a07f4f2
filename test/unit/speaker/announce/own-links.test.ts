/** Which of a node's links matter to the speakers, and what happens to VIPs when links are added. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Link } from '../../../../src/linux/links.ts';
import { NeighborProber } from '../../../../src/speaker/announce/neighbor-prober.ts';
import { eventually } from '../../../lab/poll.ts';
import { advertisement, node } from '../../fixtures.ts';
import { addressOf, Loopback, soon, speakerHost } from '../loopback.ts';
import { announcedBy, link, NodeInABox, self, shown, VirtualTime, vip } from '../node-in-a-box.ts';

/** The node's end of a Pod's veth pair, as Calico makes it. */
function podLink(i: number): Link {
  const addresses = [{ address: 'fe80::ecee:eeff:feee:eeee' as Ip, prefix: 64 }];
  return link(`cali${i.toString(16).padStart(11, '0')}`, { mac: 'ee:ee:ee:ee:ee:ee', addresses });
}

/** The address at the node's end of a Pod's link with the CNI plugin ptp. */
const gateway = { address: '10.244.0.1' as Ip, prefix: 32 };

/** The two nodes of a box with real datagrams. */
const nodes = [speakerHost, 2].map((host, i) => node(`n${i + 1}`, { internalAddresses: [addressOf(host) as Ip] }));

test('the only living node keeps its VIPs as long as its link has carrier', (t) => {
  const time = new VirtualTime(t);
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  time.run(2_000);
  time.run(1_000, () => assert.ok(box.announces()));
  box.links = [link('eth0', { carrier: false })];
  box.desired.observe();
  time.run(5);
  assert.equal(box.announces(), false);
});

test('the only living node continues to announce when a Pod starts on it and adds a link', (t) => {
  const time = new VirtualTime(t);
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  time.run(2_000);
  assert.ok(box.announces());
  box.links = [...box.links, podLink(1)];
  box.desired.observe();
  let silentMs = 0;
  time.run(1_000, () => {
    if (!box.announces()) silentMs += 5;
  });
  assert.equal(silentMs, 0, 'milliseconds without an answer');
});

test('the only living node continues to announce when a bridge of containers with a subnet of its own appears', (t) => {
  const time = new VirtualTime(t);
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  time.run(2_000);
  box.links = [...box.links, link('docker0', { addresses: [{ address: '172.17.0.1' as Ip, prefix: 16 }] })];
  box.desired.observe();
  time.run(1_000, () => assert.ok(box.announces()));
});

test('a Pod that starts on a node makes nothing be decided again', (t) => {
  const time = new VirtualTime(t);
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  time.run(2_000);
  const before = box.desired.view;
  const { decisions } = box.runner;
  box.links = [...box.links, podLink(1), link('lxc1', { addresses: [] }), link('veth1', { addresses: [gateway] })];
  box.desired.observe();
  time.run(200);
  assert.equal(box.desired.view?.links, before?.links);
  assert.equal(box.desired.view?.vips.vips[0], before?.vips.vips[0]);
  assert.equal(box.runner.decisions, decisions);
});

test('the status says why a link cannot announce, also after the links were read again', (t) => {
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  for (const reason of [undefined, undefined, 'NoCarrier']) {
    box.links = [link('eth0', { carrier: reason === undefined }), podLink(1)];
    box.desired.observe();
    assert.deepEqual(
      box.linkStatus.map(({ name, unusable }) => [name, unusable]),
      [
        ['eth0', reason],
        [podLink(1).name, 'NoSubnet'],
      ],
    );
  }
});

test('a heartbeat fits into one packet, however many Pods the node runs', async (t) => {
  const loopback = await Loopback.make();
  t.after(() => loopback.close());
  const partner = await loopback.partner('n2', 2);
  const links = [link('eth0'), ...Array.from({ length: 110 }, (_, i) => podLink(i))];
  const { port, keyFile } = loopback;
  const box = new NodeInABox({ nodes }, links, { port, keyFile, address: addressOf(speakerHost) });
  t.after(() => box.close());
  await box.open();
  box.desired.observe();
  await eventually('the partner gets a heartbeat', () => partner.heartbeats.length > 0, soon);
  const bytes = partner.longest.length + 32;
  assert.ok(bytes <= 1_400, `a heartbeat of ${bytes} bytes`);
});

test("a stand-in answers with the hardware address of the VIP's link", async (t) => {
  const loopback = await Loopback.make();
  t.after(() => loopback.close());
  const partner = await loopback.partner('n2', 2);
  const [mgmt, vlan5] = [
    { name: 'mgmt', mac: '02:00:00:00:01:02', addresses: ['198.51.100.2/24'] },
    { name: 'vlan5', mac: '02:00:00:00:02:02', addresses: [] },
  ];
  Object.assign(partner, { state: 'Restarting', links: [mgmt, vlan5] });
  const { port, keyFile } = loopback;
  const objects = {
    ...shown(vip, announcedBy('n2')),
    nodes,
    advertisements: [advertisement({ interfaces: ['vlan5'] })],
  };
  const own = [link('vlan5', { addresses: [] })];
  const box = new NodeInABox(objects, own, { port, keyFile, address: addressOf(speakerHost) });
  t.after(() => box.close());
  await box.open();
  box.desired.observe();
  const standIn = await eventually('n1 stands in', () => box.applied.flatMap(({ standIns = [] }) => standIns)[0], soon);
  assert.deepEqual(standIn, { vip, mac: vlan5.mac });
});

test('no heartbeat goes to an address of this node, which a peer reports as that of its own bridge', (t) => {
  const docker = link('docker0', { addresses: [{ address: '172.17.0.1' as Ip, prefix: 16 }] });
  const prober = new NeighborProber({ debug: () => undefined }, () => assert.fail());
  t.after(() => prober.close());
  prober.observe([link('eth0'), docker]);
  assert.equal(prober.linkTo('172.17.0.1'), undefined);
  assert.equal(prober.linkTo('172.17.0.2')?.name, 'docker0');
  assert.equal(prober.linkTo('192.0.2.9')?.name, 'eth0');
});

test('answers of both families are heard on a link, whatever families the VIPs have', (t) => {
  const time = new VirtualTime(t);
  const box = new NodeInABox(shown(vip, announcedBy(self)), [link('eth0')]);
  t.after(() => box.close());
  box.desired.observe();
  time.run(2_000);
  assert.deepEqual(
    box.applied.map(({ listens }) => listens),
    [['IPv4', 'IPv6']],
  );
});

test('a probe of the election goes to one host where it must, and to all hosts otherwise', (t) => {
  const sentTo: string[] = [];
  const send = (frame: Uint8Array) => {
    sentTo.push(Buffer.from(frame.subarray(0, 6)).toString('hex'));
    return 'Sent' as const;
  };
  const prober = new NeighborProber({ debug: () => undefined }, () => ({ send, close: () => undefined }));
  t.after(() => prober.close());
  prober.observe([link('eth0')]);
  prober.probe([
    { address: vip, links: ['eth0'] },
    { address: vip, links: ['eth0'], to: '02:00:00:00:00:07' },
  ]);
  assert.deepEqual(sentTo, ['ffffffffffff', '020000000007']);
});
