/** Hosts that answer for a VIP before its first announcement: one with many addresses, and one that answers for any address. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { requestFor } from './frame-lab.ts';
import { addressLine, ipBatch, linkName } from './namespaces.ts';
import { createNode, type LanHost } from './nic-lab.ts';
import { soon } from './soon.ts';

const vips = ['10.99.3.1', '10.99.3.2', '10.99.3.3', '10.99.3.4'] as const;
const mac = '02:00:00:00:00:aa';
const strangersMac = '02:00:00:00:00:66';

/** A node in the segment of one host, and new VIPs. */
async function newVips(t: TestContext, prepare: (lan: LanHost) => void) {
  const lab = createNode(t);
  const lan = await lab.host(['10.99.0.1/16'], [{ link: 'v0', mac, addresses: ['10.99.0.2/16'] }]);
  prepare(lan);
  const speaker = await lab.speaker({ vips: vips.map((address) => ({ address })) });
  const conflictOf = async (address: string) => (await speaker.status()).vips.find((one) => one.address === address);
  return { lan, speaker, conflictOf };
}

test('a host with four addresses of a pool keeps all of them', async (t) => {
  const { conflictOf } = await newVips(t, ({ namespace }) =>
    ipBatch(
      namespace,
      vips.map((vip) => addressLine(linkName, `${vip}/32`)),
    ),
  );
  for (const vip of vips) {
    await soon(`${vip} is taken`, async () => (await conflictOf(vip))?.reason === 'AddressTaken');
    assert.equal((await conflictOf(vip))?.action, 'Withhold');
  }
});

test('a host that answers for any address, also for one that no host can have, is ignored', async (t) => {
  let answered = 0;
  const { lan, speaker, conflictOf } = await newVips(t, () => undefined);
  const isRunning = new AbortController();
  t.after(() => isRunning.abort());
  // Proxy ARP (RFC 1027): Linux itself does not answer a probe from 0.0.0.0.
  const answers = (async () => {
    for (let from = 0; !isRunning.signal.aborted; ) {
      await lan.sync();
      const seen = lan.seen(from);
      from += seen.length;
      for (const { arp } of seen) {
        if (arp?.operation !== 1 || arp.source !== mac || arp.senderIp !== '0.0.0.0') continue;
        answered++;
        const reply = { source: strangersMac, senderMac: strangersMac, senderIp: arp.targetIp as Ip, operation: 2 };
        await lan.send(requestFor('10.99.0.2', { ...reply, destination: mac }));
      }
    }
  })();
  for (const vip of vips) await speaker.announces(vip, 'v0');
  isRunning.abort();
  await answers;
  assert.ok(answered > vips.length);
  assert.equal((await conflictOf(vips[0]))?.conflict?.kind, 'ProxyArp');
});
