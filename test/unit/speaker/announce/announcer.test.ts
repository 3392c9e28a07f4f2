/**
 * Which VIPs are announced while the packet worker applies a change, and when a desired state is
 * the one in effect.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setImmediate as nextIteration } from 'node:timers/promises';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { FrameSender } from '../../../../src/linux/frame-sender.ts';
import type { ApplyOutcome, ResponderThread } from '../../../../src/linux/worker/responder-thread.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { type Announcer, isSameState, startAnnouncer } from '../../../../src/speaker/announce/announcer.ts';

const link = { name: 'eth0', index: 2, mac: '02:00:00:00:00:01' };
const vips = ['192.0.2.10' as Ip, '192.0.2.11' as Ip];
const [first, second] = vips as [Ip, Ip];

test('the same VIPs on the same links are the same state', () => {
  const rows = [
    { desc: 'equal', b: [{ link: { ...link, carrier: true }, vips: [...vips] }], same: true },
    { desc: 'one fewer VIP', b: [{ link, vips: vips.slice(1) }], same: false },
    { desc: 'another VIP', b: [{ link, vips: ['192.0.2.10' as Ip, '192.0.2.12' as Ip] }], same: false },
    { desc: 'another MAC', b: [{ link: { ...link, mac: '02:00:00:00:00:02' }, vips }], same: false },
    { desc: 'link was deleted and created again', b: [{ link: { ...link, index: 3 }, vips }], same: false },
    { desc: 'no link', b: [], same: false },
  ];
  for (const { desc, b, same } of rows) assert.equal(isSameState([{ link, vips }], b), same, desc);
});

let announcer: Announcer | undefined;
afterEach(() => announcer?.close());

/**
 * An announcer with a packet worker that applies a state only when the test requests it, and with a
 * link that records the VIPs of its frames.
 */
async function announcerOver() {
  const sent: Ip[] = [];
  const pendingStates: (() => void)[] = [];
  const worker: ResponderThread = {
    apply: () => new Promise<ApplyOutcome>((resolve) => pendingStates.push(() => resolve('InEffect'))),
    counters: () => ({}) as ReturnType<ResponderThread['counters']>,
    heartbeatAgeMs: () => 0,
    close: () => Promise.resolve(),
  };
  const sender: FrameSender = {
    send: (frame) => {
      // The sender address of an ARP packet (RFC 826), after 14 bytes of Ethernet.
      sent.push([...frame.subarray(28, 32)].join('.') as Ip);
      return 'Sent';
    },
    close: () => undefined,
  };
  const fail = (error?: Error) => assert.fail(error ?? 'the link failed');
  announcer = await startAnnouncer(createLogger('speaker', 'silent'), {
    ...{ startResponder: () => Promise.resolve(worker), openFrameSender: () => sender },
  });
  announcer.linkFailed.to(fail);
  announcer.threadFailed.to(fail);
  /** The worker applies the oldest pending state. */
  const applyOldest = async () => {
    pendingStates.shift()?.();
    await nextIteration();
  };
  return { announcer, sent, applyOldest };
}

test('a VIP is announced only once the worker answers for it', async () => {
  const { announcer, sent, applyOldest } = await announcerOver();
  void announcer.apply([{ link, vips }]);
  await nextIteration();
  assert.deepEqual(sent, []);
  await applyOldest();
  assert.deepEqual([...new Set(sent)], vips);
});

test('a VIP that was given up is no longer announced, not even before the worker applies the change', async () => {
  const { announcer, sent, applyOldest } = await announcerOver();
  void announcer.apply([{ link, vips }]);
  await applyOldest();
  sent.length = 0;
  void announcer.apply([{ link, vips: [second] }]);
  announcer.repeat(vips);
  assert.deepEqual([...new Set(sent)], [second]);
  await applyOldest();
  announcer.repeat(vips);
  assert.deepEqual([...new Set(sent)], [second]);
});

test('a VIP that is given up while the worker applies it is never announced', async () => {
  const { announcer, sent, applyOldest } = await announcerOver();
  void announcer.apply([{ link, vips }]);
  void announcer.apply([{ link, vips: [second] }]);
  await applyOldest();
  await applyOldest();
  assert.ok(sent.includes(second), 'the other VIP is announced');
  assert.equal(sent.filter((vip) => vip === first).length, 0, `announcements of ${first}, which was given up`);
});
