/** A link with a full queue loses no announcement. The clock is set by the test. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { SendOutcome } from '../../../../src/linux/frame-sender.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { BurstSender } from '../../../../src/speaker/announce/gratuitous-sender.ts';

const link = { name: 'eth0', index: 1, mac: '02:00:00:00:00:01' };

/** A sender on one link, and the times at which the link accepted a frame. */
function senderOn(t: TestContext, kernel: (now: number) => SendOutcome) {
  let now = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => now);
  const sentAt: number[] = [];
  const send = () => {
    const outcome = kernel(now);
    if (outcome === 'Sent') sentAt.push(now);
    return outcome;
  };
  const bursts = new BurstSender({
    ...{ log: createLogger('test', 'silent'), onLinkFailed: () => assert.fail('the link must not fail') },
    open: () => ({ send, close: () => undefined }),
  });
  t.after(() => bursts.close());
  const pass = (ms: number) => {
    for (const end = now + ms; now < end; ) {
      now += 10;
      t.mock.timers.tick(10);
    }
  };
  return { bursts, sentAt, pass };
}

test('a burst is six rounds of two frames in five seconds', (t) => {
  const { bursts, sentAt, pass } = senderOn(t, () => 'Sent');
  bursts.apply([{ link, vips: ['192.0.2.10' as Ip] }]);
  pass(6_000);
  assert.deepEqual([...new Set(sentAt)], [0, 100, 500, 1_000, 2_000, 5_000]);
  assert.equal(sentAt.length, 12);
});

test('a round that did not fit into the queue is sent when there is room again, and no round is left out', (t) => {
  const { bursts, sentAt, pass } = senderOn(t, (now) => (now < 250 ? 'QueueFull' : 'Sent'));
  bursts.apply([{ link, vips: ['192.0.2.10' as Ip] }]);
  pass(8_000);
  assert.equal(sentAt[0], 300, 'the round is tried again every 100 ms');
  assert.equal(sentAt.length, 12);
});
