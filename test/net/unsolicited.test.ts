/**
 * Gratuitous ARP and unsolicited advertisements on a real kernel: a neighbor with another MAC in
 * its entry learns ours.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { type ArpFrame, encodeArp } from '../../src/wire/arp.ts';
import { encodeNdp, type NdpFrame } from '../../src/wire/ndp.ts';
import { type FrameLab, startFrameLab } from './frame-lab.ts';
import type { Said } from './line-process.ts';
import { clientMac, ip, linkName, nodeMac, writeSysctl } from './namespaces.ts';
import { neighbor } from './neighbor.ts';
import { soon } from './soon.ts';

const formerMac = '02:00:00:00:00:0f';
let lab: FrameLab;

/**
 * After a change of an entry the client's kernel lets only gratuitous ARP change it again for this
 * long (arp(7), `locktime`), in hundredths of a second.
 */
const lockTime = 60_000;

before(async () => {
  lab = await startFrameLab();
  // By default one second, which could be over before a busy machine checks.
  writeSysctl(lab.client, `net/ipv4/neigh/${linkName}/locktime`, String(lockTime));
});
after(() => lab?.close());

/** Gives the client a neighbor entry that names the former holder for the VIP. */
function setFormerHolder(vip: string): void {
  ip(`-n ${lab.client} neigh replace ${vip} lladdr ${formerMac} dev ${linkName} nud reachable`);
}

/** A broadcast reply with the broadcast address as target: Linux does not treat it as gratuitous. */
function replyOf(mac: string, vip: string): string {
  const broadcast = 'ff:ff:ff:ff:ff:ff';
  const frame = encodeArp({
    destination: broadcast,
    source: mac,
    operation: 2,
    senderMac: mac,
    senderIp: vip as Ip,
    targetMac: broadcast,
    targetIp: vip as Ip,
  });
  return Buffer.from(frame).toString('hex');
}

/** Sends a frame about a VIP from the node, and waits until the client has received it. */
async function sendFromNode(frame: string, vip: string): Promise<void> {
  const seen = lab.raw.said.length;
  await lab.responder.ask({ do: 'send', link: linkName, frame }, 'done');
  const isAbout = ({ arp, ndp }: Said) =>
    (arp as ArpFrame | undefined)?.senderIp === vip || (ndp as NdpFrame | undefined)?.target === vip;
  await lab.raw.until('the client has the frame', () => lab.raw.said.slice(seen).some(isAbout));
}

const entryOf = (vip: string) => neighbor(lab.client, vip);

for (const form of ['Request', 'Reply'] as const) {
  test(`the ${form} form moves a neighbor entry that another MAC held`, async () => {
    const vip = form === 'Request' ? '10.99.2.1' : '10.99.2.2';
    setFormerHolder(vip);
    await lab.responder.ask({ do: 'announce', link: linkName, frame: { vip, form } }, 'done');
    await soon('the entry has our MAC', () => entryOf(vip).includes(nodeMac));
  });

  test(`the ${form} form also moves it right after a reply of the former holder`, async () => {
    const vip = form === 'Request' ? '10.99.2.3' : '10.99.2.4';
    setFormerHolder(vip);
    // The former holder answers once more: the lock time starts with this reply.
    await sendFromNode(replyOf(formerMac, vip), vip);
    // Proof that the lock time counts: a reply that is not gratuitous is ignored.
    await sendFromNode(replyOf(nodeMac, vip), vip);
    assert.match(entryOf(vip), new RegExp(formerMac));
    await lab.responder.ask({ do: 'announce', link: linkName, frame: { vip, form } }, 'done');
    await soon('the entry has our MAC', () => entryOf(vip).includes(nodeMac));
  });
}

test('an unsolicited advertisement moves an IPv6 neighbor entry that another MAC held', async () => {
  const vip = 'fd99::c8:21';
  setFormerHolder(vip);
  await lab.responder.ask({ do: 'announce', link: linkName, frame: { vip, form: 'Advertisement' } }, 'done');
  await soon('the entry has our MAC', () => entryOf(vip).includes(nodeMac));
});

test('an unsolicited advertisement also moves it right after an answer of the former holder: IPv6 has no lock time', async () => {
  const vip = 'fd99::c8:22' as Ip;
  setFormerHolder(vip);
  const answer = encodeNdp({
    destination: clientMac,
    source: formerMac,
    sourceIp: vip,
    destinationIp: 'fd99::1' as Ip,
    type: 136,
    flags: 0x60,
    target: vip,
    linkAddress: formerMac,
  });
  await sendFromNode(Buffer.from(answer).toString('hex'), vip);
  await lab.responder.ask({ do: 'announce', link: linkName, frame: { vip, form: 'Advertisement' } }, 'done');
  await soon('the entry has our MAC', () => entryOf(vip).includes(nodeMac));
});
