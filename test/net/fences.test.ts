/** C3: a kernel that has a VIP as an address of its own keeps still about it on the link; the responder does not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, beforeEach, test } from 'node:test';
import type { ArpFrame } from '../../src/wire/arp.ts';
import type { NdpFrame } from '../../src/wire/ndp.ts';
import { eventually } from '../lab/poll.ts';
import { type FrameLab, requestFor, solicitationFor, startFrameLab } from './frame-lab.ts';
import { ip, linkName, nodeMac } from './namespaces.ts';
import { loadPath, nftIn, own, pathOf, vipPath, vips } from './path-lab.ts';

let lab: FrameLab;

before(async () => {
  lab = await startFrameLab();
  // So IPVS has it, on a link of its own; IPv6 answers only for addresses of the link itself.
  ip(`-n ${lab.node} link set lo up`);
  ip(`-n ${lab.node} address add ${vips.IPv4}/32 dev lo`);
  ip(`-n ${lab.node} address add ${vips.IPv6}/64 dev ${linkName} nodad`);
});
beforeEach(async () => {
  loadPath(lab.node, pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip)) }));
  await lab.answer();
});
after(() => lab?.close());

/** What a frame of the client's link says. */
interface Seen {
  readonly arp?: ArpFrame;
  readonly ndp?: NdpFrame;
}

/** Frames seen since so many that are as wanted. */
function since(seen: number, isWanted: (frame: Seen) => boolean): readonly Seen[] {
  return (lab.raw.said.slice(seen) as readonly Seen[]).filter(isWanted);
}

/** Makes the node's kernel ask the link for an address of nobody, in the name of a VIP, and gives the question. */
async function questionFor<T>(
  target: string,
  from: string,
  pick: (frame: (typeof lab.raw.said)[number]) => T | undefined,
) {
  const seen = lab.raw.said.length;
  const ping = spawn('ip', ['netns', 'exec', lab.node, 'ping', '-c', '1', '-W', '1', '-I', from, target]);
  try {
    return await eventually(`the node asks for ${target}`, () => {
      for (const frame of lab.raw.said.slice(seen)) {
        const found = pick(frame);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  } finally {
    ping.kill();
  }
}

/** The ARP request for an address that the node sends in the name of the VIP. */
function arpQuestion(target: string): Promise<ArpFrame> {
  return questionFor(target, vips.IPv4, ({ arp }) => {
    const frame = arp as ArpFrame | undefined;
    return frame?.operation === 1 && frame.targetIp === target ? frame : undefined;
  }) as Promise<ArpFrame>;
}

/** The same, a Neighbor Solicitation. */
function ndpQuestion(target: string): Promise<NdpFrame> {
  return questionFor(target, vips.IPv6, ({ ndp }) => {
    const frame = ndp as NdpFrame | undefined;
    return frame?.type === 135 && frame.target === target ? frame : undefined;
  }) as Promise<NdpFrame>;
}

test('C3 the kernel does not answer ARP for a VIP that it has, but for its other addresses', async () => {
  const seen = lab.raw.said.length;
  await lab.send(requestFor(vips.IPv4));
  await lab.send(requestFor(own.IPv4));
  await lab.replyFrom(own.IPv4);
  assert.deepEqual(
    since(seen, ({ arp }) => arp?.senderIp === vips.IPv4),
    [],
  );
});

test('C3 the kernel does not answer solicitations for a VIP that it has, but for its other addresses', async () => {
  const seen = lab.raw.said.length;
  await lab.send(solicitationFor(vips.IPv6));
  await lab.send(solicitationFor(own.IPv6));
  await lab.advertisementOf(own.IPv6);
  assert.deepEqual(
    since(seen, ({ ndp }) => ndp?.type === 136 && ndp.target === vips.IPv6),
    [],
  );
});

test('C3 what the kernel asks in the name of a VIP is asked in the name of the link', async () => {
  const { senderIp, senderMac } = await arpQuestion('10.99.0.77');
  assert.deepEqual([senderIp, senderMac], [own.IPv4, nodeMac]);
  const { sourceIp, linkAddress } = await ndpQuestion('fd99::77');
  assert.deepEqual([sourceIp, linkAddress], [own.IPv6, nodeMac]);
});

test('C3 the frames of the responder pass', async () => {
  await lab.answer(...Object.values(vips));
  await lab.send(requestFor(vips.IPv4));
  assert.equal((await lab.replyFrom(vips.IPv4)).senderMac, nodeMac);
  await lab.send(solicitationFor(vips.IPv6));
  assert.equal((await lab.advertisementOf(vips.IPv6)).linkAddress, nodeMac);
});

test('C3 without our rules the kernel does all that', async () => {
  nftIn(lab.node, 'flush ruleset\n');
  await lab.send(requestFor(vips.IPv4));
  await lab.replyFrom(vips.IPv4);
  await lab.send(solicitationFor(vips.IPv6));
  await lab.advertisementOf(vips.IPv6);
  assert.equal((await arpQuestion('10.99.0.78')).senderIp, vips.IPv4);
  assert.equal((await ndpQuestion('fd99::78')).sourceIp, vips.IPv6);
});
