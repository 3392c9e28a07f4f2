/** How the sender of bursts handles links that do not accept its frames. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { SendOutcome } from '../../../../src/linux/frame-sender.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { BurstSender } from '../../../../src/speaker/announce/gratuitous-sender.ts';
import { eventually } from '../../../lab/poll.ts';

const vips = ['192.0.2.10' as Ip];
const link = (name: string) => ({ name, index: 1, mac: '02:00:00:00:00:01' });

const made: BurstSender[] = [];
// An open sender keeps the process alive for ten minutes, even after a failed assertion.
afterEach(() => {
  for (const sender of made.splice(0)) sender.close();
});

/** A sender over links for which the given function is the kernel. */
function senderOver(kernel: (link: string) => SendOutcome, onLate: () => void = () => undefined) {
  const sent: string[] = [];
  const open = new Set<string>();
  let failures = 0;
  const log = createLogger('test', 'info');
  log.level = 'silent';
  const bursts = new BurstSender({
    log,
    onLate,
    open: ({ name }) => {
      open.add(name);
      return {
        send: () => {
          const outcome = kernel(name);
          if (outcome === 'Sent') sent.push(name);
          return outcome;
        },
        close: () => open.delete(name),
      };
    },
    onLinkFailed: () => {
      failures += 1;
    },
  });
  made.push(bursts);
  const framesOf = (name: string) => sent.filter((other) => other === name).length;
  return { bursts, open, framesOf, failures: () => failures };
}

const soon = { timeoutMs: 5_000, everyMs: 20 };

test('an error on one link ends the burst of that link only, also in a later round', async () => {
  let calls = 0;
  const { bursts, open, framesOf, failures } = senderOver((name) => {
    if (name === 'good') return 'Sent';
    calls += 1;
    if (calls > 2) throw new Error('EIO');
    return 'Sent';
  });
  bursts.apply([
    { link: link('bad'), vips },
    { link: link('good'), vips },
  ]);
  await eventually('the good link sends its second round', () => framesOf('good') >= 4, soon);
  assert.deepEqual([framesOf('bad'), failures(), [...open]], [2, 1, ['good']]);
});

test('frames that a full queue refused are sent later', async () => {
  let full = true;
  const { bursts, framesOf, failures } = senderOver(() => (full ? 'QueueFull' : 'Sent'));
  bursts.apply([{ link: link('eth0'), vips }]);
  assert.equal(framesOf('eth0'), 0);
  full = false;
  await eventually('the whole first round is sent', () => framesOf('eth0') >= 2, soon);
  assert.equal(failures(), 0);
});

test('a link that went down starts a new burst with the next apply', async () => {
  for (const outcome of ['LinkDown', 'LinkGone'] as const) {
    let now: SendOutcome = outcome;
    const { bursts, open, framesOf, failures } = senderOver(() => now);
    bursts.apply([{ link: link('eth0'), vips }]);
    assert.deepEqual([framesOf('eth0'), failures(), open.size], [0, 1, 0], outcome);
    now = 'Sent';
    bursts.apply([{ link: link('eth0'), vips }]);
    assert.equal(framesOf('eth0'), 2, outcome);
  }
});

test('a late round is sent only for the VIPs that are still held', async () => {
  const late: number[] = [];
  const { bursts, framesOf } = senderOver(
    () => 'Sent',
    () => {
      late.push(framesOf('eth0'));
      bursts.withdraw([]);
    },
  );
  bursts.apply([{ link: link('eth0'), vips }]);
  assert.equal(framesOf('eth0'), 2);
  // The whole process is paused for longer than the pause before the second round.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await eventually('the sender has called onLate', () => late.length > 0, soon);
  assert.deepEqual([late, framesOf('eth0')], [[2], 2]);
});
