/** A process that was stopped and goes on: what others asked it meanwhile is too old to be answered. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import { type FrameLab, requestFor, startFrameLab } from './frame-lab.ts';

/** Longer than the worker's loop may be late. */
const standstillMs = 400;
const vip = '10.99.1.1';
let lab: FrameLab;

before(async () => {
  lab = await startFrameLab();
});
after(() => lab?.close());

/** Stops the responder, asks it for the VIP, and lets it go on; gives where in the client's record that was. */
async function standStill(): Promise<number> {
  await lab.answer(vip);
  const { child } = lab.responder;
  child.kill('SIGSTOP');
  try {
    await lab.send(requestFor(vip));
    await delay(standstillMs);
    return lab.raw.said.length;
  } finally {
    child.kill('SIGCONT');
  }
}

function repliesSince(seen: number): number {
  const isReply = (arp: unknown) => (arp as { senderIp?: string } | undefined)?.senderIp === vip;
  return lab.raw.said.slice(seen).filter(({ kind, arp }) => kind === 'frame' && isReply(arp)).length;
}

test('B1 after a standstill nothing is answered for half a second, then everything is again', async () => {
  const seen = await standStill();
  const wokenAt = performance.now();
  await eventually('an answer', async () => {
    await lab.send(requestFor(vip));
    return repliesSince(seen) > 0;
  });
  const afterMs = performance.now() - wokenAt;
  assert.ok(afterMs > 300, `answered after ${afterMs} ms`);
});

test('B1 a new table ends the silence after a standstill, but what was asked before is not answered', async () => {
  const seen = await standStill();
  await lab.answer(vip, '10.99.1.99');
  await lab.send(requestFor('10.99.1.99'));
  await lab.replyFrom('10.99.1.99');
  assert.equal(repliesSince(seen), 0);
  await lab.send(requestFor(vip));
  await eventually('an answer', () => repliesSince(seen) > 0);
});
