/**
 * A speaker on a node with Pods: behind a bridge, like with flannel and kubenet, and behind their
 * own routed links, like with Calico and ptp.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { PeerLink } from '../../src/liveness/messages.ts';
import { requestFor } from './frame-lab.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import {
  addNamespaces,
  deleteNamespaces,
  forwardIn,
  ip,
  ipBatch,
  nodeMac,
  portForwards,
  run,
  writeSysctl,
} from './namespaces.ts';
import { createNode, type LanHost, type NicLab, type Speaker } from './nic-lab.ts';

const vips = ['10.99.3.1', '10.99.3.2', '10.99.3.3'] as const;
const [vip, ofBridged, ofRouted] = vips;
/** Calico gives the node's end of every Pod link the same hardware address, and the same link-local address. */
const calicoMac = 'ee:ee:ee:ee:ee:ee';
/** By default Kubernetes allows 110 Pods on a node. */
const pods = 40;

const ends: (() => void)[] = [];
const untilEnd = { after: (end?: unknown) => void ends.push(end as () => void) };

let lab: NicLab;
let lan: LanHost;
/** The speaker of another node, at the host of the node's network. It receives heartbeats, and sends nothing. */
let peer: LineProcess;
/** A Pod on the bridge, and a Pod with its own link. */
let bridged: LanHost;
let routed: LanHost;
let speaker: Speaker;

before(async () => {
  lab = createNode(untilEnd);
  const { node, keyFile } = lab;
  forwardIn(node);
  lan = await lab.host(['10.99.0.1/16'], [{ link: 'v0', mac: nodeMac, addresses: ['10.99.0.2/16'] }]);
  ip(`-n ${node} link add cni0 address 02:00:00:00:0c:01 type bridge mcast_snooping 0`);
  ipBatch(node, ['link set cni0 up', 'address add 10.244.0.1/24 dev cni0']);
  bridged = await lab.host(['10.244.0.5/24'], [{ link: 'veth1', mac: '02:00:00:00:0c:05' }]);
  ip(`-n ${node} link set veth1 master cni0`);
  await portForwards(node, 'veth1');
  // The links that are added from now on are those of routed Pods.
  writeSysctl(node, 'net/ipv4/conf/default/proxy_arp', '1');
  routed = await lab.host(
    ['10.244.1.1/32'],
    [{ link: 'cali1', mac: calicoMac, addresses: ['fe80::ecee:eeff:feee:eeee/64'] }],
  );
  addRoutedPods(node);
  const args = ['7932', keyFile];
  peer = startLineProcess({ namespace: lan.namespace, file: './datagram-process.ts', args });
  untilEnd.after(() => peer.close());
  await peer.next('ready');
  const held = vips.map((address) => ({ address, heldBy: 'n1' }));
  speaker = await lab.speaker({ vips: held, peers: { n2: ['10.99.0.1' as Ip] } });
  for (const address of vips) await speaker.announces(address, 'v0');
});
after(() => {
  for (const end of ends.reverse()) end();
});

/** Adds more Pods with their own links; the first one already has its link. */
function addRoutedPods(node: string): void {
  const others = `${node}-pods`;
  addNamespaces([others]);
  untilEnd.after(() => deleteNamespaces([others]));
  const numbers = Array.from({ length: pods }, (_, i) => i + 1);
  ipBatch(
    node,
    numbers
      .slice(1)
      .flatMap((i) => [
        `link add cali${i} address ${calicoMac} type veth peer name eth${i} netns ${others}`,
        `link set cali${i} up`,
        `address add fe80::ecee:eeff:feee:eeee/64 dev cali${i} nodad`,
      ]),
  );
  ipBatch(
    others,
    numbers.slice(1).map((i) => `link set eth${i} up`),
  );
  ipBatch(
    node,
    numbers.map((i) => `route add 10.244.1.${i}/32 dev cali${i} scope link`),
  );
}

/** The links in the last heartbeat that the other speaker received. */
async function linksTold(): Promise<{ readonly text: string; readonly links: readonly PeerLink[] }> {
  const last = () => peer.said.findLast(({ kind, text }) => kind === 'text' && `${text}`.includes('"Heartbeat"'))?.text;
  const text = `${await peer.until('a heartbeat comes', last)}`;
  return { text, links: (JSON.parse(text) as { readonly links: readonly PeerLink[] }).links };
}

test('a VIP is announced on the link of its own network, and not answered on the links of Pods', async () => {
  for (const pod of [bridged, routed]) await pod.send(requestFor(vip));
  assert.equal((await lan.ask(requestFor(vip), vip)).senderMac, nodeMac);
  await bridged.sync();
  // The routed link is not checked: there the kernel answers, after a delay, for every address that
  // it has a route to (proxy ARP).
  assert.deepEqual(
    bridged.seen().filter(({ arp }) => arp?.senderIp === vip),
    [],
  );
  const { links } = await speaker.status();
  assert.equal(links.find(({ name }) => name === 'veth1')?.unusable, 'Member');
  assert.ok((await linksTold()).links.some(({ name, mac }) => name === 'v0' && mac === nodeMac));
});

test('gratuitous ARP of a Pod on a bridge is no claim to the VIP', async () => {
  const conflict = await speaker.conflictAfter(ofBridged, () => bridged.claim(ofBridged), lan);
  assert.equal(conflict, 'none', 'a Pod on a bridge is believed');
});

test('gratuitous ARP of a Pod on a routed link is no claim to the VIP', async () => {
  const conflict = await speaker.conflictAfter(ofRouted, () => routed.claim(ofRouted), lan);
  assert.equal(conflict, 'none', 'a Pod on a routed link is believed');
});

test('links of Pods cost no packet sockets', () => {
  const isOfPod = (row: string) => /^\d+: (cali|veth)/.test(row);
  const rows = ip(`-n ${lab.node} -o link show`).split('\n').filter(isOfPod);
  const indexes = new Set(rows.map((row) => row.split(':')[0]));
  const sockets = run(lab.node, 'cat', '/proc/net/packet').trim().split('\n').slice(1);
  const onPods = sockets.filter((row) => indexes.has(row.trim().split(/\s+/)[4]));
  assert.equal(onPods.length, 0, `${onPods.length} packet sockets on links of Pods`);
});

test('a heartbeat fits one packet, however many Pods the node has', async () => {
  const { text } = await linksTold();
  assert.ok(text.length <= 1_400, `a heartbeat of ${text.length} bytes`);
});
