/**
 * A speaker on a node with several links, several subnets on one link, or one family only: which
 * VIPs it announces on which link, and which claims it believes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { requestFor, solicitationFor } from './frame-lab.ts';
import { writeSysctl } from './namespaces.ts';
import { createNode, type LanHost } from './nic-lab.ts';
import { soon } from './soon.ts';

const macs = ['02:00:00:00:00:aa', '02:00:00:00:00:ab'] as const;
const [vip, otherVip] = ['10.99.3.1', '10.99.3.2'];
const held = (...addresses: readonly string[]) => addresses.map((address) => ({ address, heldBy: 'n1' }));
const repliesOf = (host: LanHost, address: string) =>
  host.seen().flatMap(({ arp }) => (arp?.operation === 2 && arp.senderIp === address ? [arp.senderMac] : []));

/** A node with two links in the segment of one host. */
async function twoInOneSegment(t: Parameters<typeof createNode>[0]) {
  const lab = createNode(t);
  const lan = await lab.host(
    ['10.99.0.1/16'],
    [
      { link: 'v0', mac: macs[0], addresses: ['10.99.0.2/16'] },
      { link: 'v1', mac: macs[1], addresses: ['10.99.0.3/16'] },
    ],
  );
  const speaker = await lab.speaker({ vips: held(vip, otherVip) });
  await speaker.announces(vip, 'v0');
  await speaker.announces(otherVip, 'v0');
  return { lan, speaker };
}

test('of two links in a segment one answers for a VIP, and the other one does once a cable is pulled', async (t) => {
  const { lan, speaker } = await twoInOneSegment(t);
  // The worker reads all links in turn: if the other link had answered the first request, that
  // answer would be here by the third.
  for (let round = 0; round < 3; round++) await lan.ask(requestFor(vip), vip);
  await lan.sync();
  assert.deepEqual([...new Set(repliesOf(lan, vip))], [macs[0]]);
  lan.unplug('v0');
  await speaker.announces(vip, 'v1');
  assert.equal((await lan.ask(requestFor(vip), vip)).senderMac, macs[1]);
});

test('a node does not take its own second link for another host', async (t) => {
  const { lan, speaker } = await twoInOneSegment(t);
  // The speaker announces the VIP in two forms, several times in the first seconds.
  const told = () => lan.seen().filter(({ arp }) => arp?.senderIp === vip && arp.targetIp === vip).length;
  const isTold = (before: number) => soon('the VIP is announced again', () => told() >= before + 2);
  const conflict = await speaker.conflictAfter(vip, () => isTold(told()), lan);
  assert.equal(conflict, 'none', 'frames of the first link count as a claim on the second one');
});

/** A node with a link to each of two hosts, and a VIP on each. */
async function twoSegments(t: Parameters<typeof createNode>[0]) {
  const lab = createNode(t);
  const lan = await lab.host(['10.99.0.1/16'], [{ link: 'v0', mac: macs[0], addresses: ['10.99.0.2/16'] }]);
  const other = await lab.host(['10.98.0.1/24'], [{ link: 'v1', mac: macs[1], addresses: ['10.98.0.2/24'] }]);
  const speaker = await lab.speaker({ vips: held(vip, otherVip, '10.98.0.77') });
  await speaker.announces(vip, 'v0');
  await speaker.announces(otherVip, 'v0');
  await speaker.announces('10.98.0.77', 'v1');
  return { lan, other, speaker };
}

test('with two segments each VIP is answered in its own segment', async (t) => {
  const { lan, other } = await twoSegments(t);
  for (const [host, own, foreign, mac] of [
    [lan, vip, '10.98.0.77', macs[0]],
    [other, '10.98.0.77', vip, macs[1]],
  ] as const) {
    await host.send(requestFor(foreign));
    assert.equal((await host.ask(requestFor(own), own)).senderMac, mac);
    await host.sync();
    assert.deepEqual(repliesOf(host, foreign), []);
  }
});

test('gratuitous ARP for a VIP in another segment is no claim to it', async (t) => {
  const { lan, other, speaker } = await twoSegments(t);
  const conflict = await speaker.conflictAfter(vip, () => other.claim(vip), lan);
  assert.equal(conflict, 'none', 'a claim in another segment is believed');
});

test('a link with addresses of several subnets, of both families, serves the VIPs of all of them, and no others', async (t) => {
  const lab = createNode(t);
  const addresses = ['10.99.0.2/16', '10.98.0.2/24', 'fd99::2/64', 'fd98::2/64'];
  const lan = await lab.host(['10.99.0.1/16', 'fd99::1/64'], [{ link: 'v0', mac: macs[0], addresses }]);
  const [ipv4, ipv6] = [
    [vip, '10.98.0.77'],
    ['fd99::c8:1', 'fd98::c8:1'],
  ] as const;
  const none = '10.97.0.9';
  const speaker = await lab.speaker({ vips: held(none, ...ipv4, ...ipv6) });
  for (const address of [...ipv4, ...ipv6]) await speaker.announces(address, 'v0');
  for (const address of ipv4) assert.equal((await lan.ask(requestFor(address), address)).senderMac, macs[0]);
  for (const address of ipv6) {
    assert.equal((await lan.solicit(solicitationFor(address), address)).linkAddress, macs[0]);
  }
  const { vips } = await speaker.status();
  const { action, links } = vips.find(({ address }) => address === none) ?? {};
  assert.deepEqual([action, links], ['Silent', []]);
});

/** A node as DHCPv6 configures it: its address does not show the subnet. */
async function withoutNetwork(t: Parameters<typeof createNode>[0]) {
  const lab = createNode(t);
  const lan = await lab.host(['fd99::1/64'], [{ link: 'v0', mac: macs[0], addresses: ['fd99::2/128'] }]);
  return { lab, lan };
}

const vip6 = 'fd99::c8:1';

test('a node whose IPv6 address is a /128 announces on a named link, and reports a reason if no link is named', async (t) => {
  const { lab, lan } = await withoutNetwork(t);
  const speaker = await lab.speaker({ vips: held(vip6), interfaces: ['v0'] });
  await speaker.announces(vip6, 'v0');
  assert.equal((await lan.solicit(solicitationFor(vip6), vip6)).linkAddress, macs[0]);
  const other = await withoutNetwork(t);
  const unnamed = await other.lab.speaker({ vips: held(vip6) });
  await soon('the speaker is silent', async () => (await unnamed.status()).vips[0]?.action === 'Silent');
  assert.match(`${(await unnamed.status()).vips[0]?.reason}`, /^No/);
});

test('before a takeover the VIP is probed on the link that is named for it', async (t) => {
  const { lab, lan } = await withoutNetwork(t);
  // The other node exists, and no heartbeat ever came from it: there may be a firewall between.
  const peers = { n2: ['fd99::1' as Ip] };
  const speaker = await lab.speaker({ vips: [{ address: vip6, heldBy: 'n2' }], interfaces: ['v0'], peers });
  await speaker.announces(vip6, 'v0');
  const asked = lan.seen().some(({ ndp }) => ndp?.type === 135 && ndp.target === vip6 && ndp.source === macs[0]);
  assert.ok(asked, 'the VIP is taken over without a probe');
});

test('a node without IPv6 answers for IPv4, and reports a reason for IPv6', async (t) => {
  const lab = createNode(t);
  for (const what of ['all', 'default']) writeSysctl(lab.node, `net/ipv6/conf/${what}/disable_ipv6`, '1');
  const lan = await lab.host(['10.99.0.1/16'], [{ link: 'v0', mac: macs[0], addresses: ['10.99.0.2/16'] }]);
  const speaker = await lab.speaker({ vips: held(vip, vip6) });
  await speaker.announces(vip, 'v0');
  assert.equal((await lan.ask(requestFor(vip), vip)).senderMac, macs[0]);
  const { links, vips } = await speaker.status();
  assert.deepEqual(links.find(({ name }) => name === 'v0')?.addresses, ['10.99.0.2/16']);
  assert.match(`${vips.find(({ address }) => address === vip6)?.reason}`, /^No/);
});
