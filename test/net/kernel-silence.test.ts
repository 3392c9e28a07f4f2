/** A kernel that has a VIP as its own address is silent about it on the link; the responder is not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { ArpFrame } from '../../src/wire/arp.ts';
import type { NdpFrame } from '../../src/wire/ndp.ts';
import { type FrameLab, requestFor, type Seen, solicitationFor, startFrameLab } from './frame-lab.ts';
import { inNamespace, ip, linkName, nodeMac } from './namespaces.ts';
import { loadPath, nftIn, own, pathOf, vipPath, vips } from './path-lab.ts';

let lab: FrameLab;

before(async () => {
  lab = await startFrameLab();
  // As with IPVS, on a link of its own. IPv6 answers only for addresses of the link itself.
  ip(`-n ${lab.node} link set lo up`);
  ip(`-n ${lab.node} address add ${vips.IPv4}/32 dev lo`);
  ip(`-n ${lab.node} address add ${vips.IPv6}/64 dev ${linkName} nodad`);
});
beforeEach(async () => {
  loadPath(lab.node, pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip)) }));
  await lab.answer();
});
after(() => lab?.close());

/**
 * Makes the node's kernel resolve an unused address, with a VIP as source, and gives the request
 * that the client sees.
 */
async function questionFor<T>(target: string, from: string, pick: (frame: Seen) => T | undefined): Promise<T> {
  const seen = lab.raw.said.length;
  const ping = spawn(...inNamespace(lab.node, 'ping', '-c', '1', '-W', '10', '-I', from, target));
  try {
    return await lab.raw.until(`a request of the node for ${target}`, () => {
      const picked = (lab.raw.said.slice(seen) as readonly Seen[]).map(pick);
      return picked.find((question) => question !== undefined);
    });
  } finally {
    ping.kill();
  }
}

/** The ARP request that the node sends for an address when a packet leaves from the VIP. */
function arpQuestion(target: string): Promise<ArpFrame> {
  return questionFor(target, vips.IPv4, ({ arp }) =>
    arp?.operation === 1 && arp.targetIp === target ? arp : undefined,
  );
}

/** The same with a Neighbor Solicitation. */
function ndpQuestion(target: string): Promise<NdpFrame> {
  return questionFor(target, vips.IPv6, ({ ndp }) => (ndp?.type === 135 && ndp.target === target ? ndp : undefined));
}

test('the kernel does not answer ARP for a VIP that it has, but answers for its other addresses', async () => {
  // A reply names its requester as target, whatever its own sender address is.
  const asker = '10.99.0.5' as Ip;
  const question = requestFor(vips.IPv4, { senderIp: asker });
  const { frames } = await lab.cameBack([question], () => lab.ask(requestFor(own.IPv4), own.IPv4));
  assert.deepEqual(
    frames.filter(({ arp }) => arp?.targetIp === asker || arp?.senderIp === vips.IPv4),
    [],
  );
});

test('the kernel does not answer solicitations for a VIP that it has, but answers for its other addresses', async () => {
  const { frames } = await lab.cameBack([solicitationFor(vips.IPv6)], () =>
    lab.solicit(solicitationFor(own.IPv6), own.IPv6),
  );
  assert.deepEqual(
    frames.filter(({ ndp }) => ndp?.type === 136 && ndp.target === vips.IPv6),
    [],
  );
});

test("a kernel that has a VIP sends requests with the link's own address as source, not with the VIP", async () => {
  const { senderIp, senderMac } = await arpQuestion('10.99.0.77');
  assert.deepEqual([senderIp, senderMac], [own.IPv4, nodeMac]);
  const { sourceIp, linkAddress } = await ndpQuestion('fd99::77');
  assert.deepEqual([sourceIp, linkAddress], [own.IPv6, nodeMac]);
});

test("the responder's frames pass the rules that silence the kernel", async () => {
  await lab.answer(...Object.values(vips));
  assert.equal((await lab.ask(requestFor(vips.IPv4), vips.IPv4)).senderMac, nodeMac);
  assert.equal((await lab.solicit(solicitationFor(vips.IPv6), vips.IPv6)).linkAddress, nodeMac);
});

test('without our rules the kernel answers for a VIP that it has, and sends requests with it as source', async () => {
  nftIn(lab.node, 'flush ruleset\n');
  await lab.ask(requestFor(vips.IPv4), vips.IPv4);
  await lab.solicit(solicitationFor(vips.IPv6), vips.IPv6);
  assert.equal((await arpQuestion('10.99.0.78')).senderIp, vips.IPv4);
  assert.equal((await ndpQuestion('fd99::78')).sourceIp, vips.IPv6);
});
