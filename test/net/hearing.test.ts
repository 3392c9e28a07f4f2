/**
 * What a speaker learns from frames of other hosts, and its answers in place of a node that
 * restarts; both families.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { type FrameLab, requestFor, type Seen, solicitationFor, startFrameLab } from './frame-lab.ts';
import { addressLine, clientMac, ip, ipBatch, linkName, nodeMac } from './namespaces.ts';
import { soon } from './soon.ts';

const otherMac = '02:00:00:00:00:bb';
const own = { IPv4: '10.99.0.1', IPv6: 'fd99::1' } as const;
const vips = { IPv4: '10.99.1.1', IPv6: 'fd99::c8:1' } as const;
const families = ['IPv4', 'IPv6'] as const;

let lab: FrameLab;
/** The number of lines that the responder had printed when the test began. */
let saidBefore = 0;

before(async () => {
  lab = await startFrameLab();
});
beforeEach(async () => {
  await apply({});
  saidBefore = lab.responder.said.length;
});
after(() => lab?.close());

/** Applies this to the responder's link. */
function apply(whole: object): Promise<unknown> {
  return lab.responder.ask({ do: 'applyWhole', links: [{ name: linkName, vips: [], ...whole }] }, 'done');
}

const destinationOf = ({ arp, ndp }: Seen) => (arp ?? ndp)?.destination;

/** Sends probes until an answer is heard, and gives its hardware address. */
function answerHeard(address: string, to?: string): Promise<unknown> {
  return soon(`an answer for ${address}`, async () => {
    await lab.responder.ask({ do: 'ask', link: linkName, address, to }, 'done');
    return heard(address);
  });
}

/** The hardware address that has claimed an address during this test. */
function heard(address: string): unknown {
  const said = lab.responder.said.slice(saidBefore);
  return said.findLast(({ kind, address: of }) => kind === 'heard' && of === address)?.mac;
}

for (const family of families) {
  test(`${family}: the answer to a probe is heard, without a VIP on the link`, async () => {
    await apply({ listens: [family] });
    assert.equal(await answerHeard(own[family]), clientMac);
  });

  test(`${family}: a probe can go to one host only`, async () => {
    await apply({ listens: [family] });
    assert.equal(await answerHeard(own[family], clientMac), clientMac);
    const isQuestion = ({ arp, ndp }: Seen) => (arp?.targetIp ?? ndp?.target) === own[family];
    const toItAlone = () => lab.seen().some((frame) => isQuestion(frame) && destinationOf(frame) === clientMac);
    await lab.raw.until('a probe has come to this host only', toItAlone);
  });

  test(`${family}: a probe from a link without an address is answered, too`, async (t) => {
    await apply({ listens: [family] });
    ip(`-n ${lab.node} address flush dev ${linkName}`);
    const addresses = ['10.99.0.2/16', 'fd99::2/64'].map((address) => addressLine(linkName, address));
    t.after(() => ipBatch(lab.node, addresses));
    assert.equal(await answerHeard(own[family]), clientMac);
  });

  test(`${family}: another host that claims a VIP of ours is heard`, async () => {
    const vip = vips[family];
    await apply({ vips: [vip] });
    const claim = {
      IPv4: () => requestFor(vip, { senderIp: vip as Ip, senderMac: otherMac }),
      IPv6: () => solicitationFor(own.IPv6, { destination: nodeMac, sourceIp: vip as Ip, linkAddress: otherMac }),
    }[family];
    const isHeard = async () => {
      await lab.send(claim());
      return heard(vip);
    };
    assert.equal(await soon('the claim is heard', isHeard), otherMac);
  });
}

test('a VIP of a node that restarts is answered with the hardware address of that node, in a frame from ours', async () => {
  await apply({ standIns: families.map((family) => ({ vip: vips[family], mac: otherMac })) });
  const reply = await lab.ask(requestFor(vips.IPv4), vips.IPv4);
  assert.deepEqual([reply.source, reply.senderMac], [nodeMac, otherMac]);
  const advertisement = await lab.solicit(solicitationFor(vips.IPv6), vips.IPv6);
  assert.deepEqual([advertisement.source, advertisement.linkAddress], [nodeMac, otherMac]);
  const groups = () => ip(`-n ${lab.node} maddress show dev ${linkName}`);
  await soon('the group of the VIP is joined', () => groups().includes('ff02::1:ffc8:1'));
});
