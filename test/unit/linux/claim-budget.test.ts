/** A flood of claims on a link hides neither the claims of other hosts there, nor claims on other links. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { ClaimBudget } from '../../../src/linux/worker/claim-budget.ts';

const vip = '192.0.2.10' as Ip;
const flooder = { address: vip, mac: '02:66:00:00:00:01', isAnswer: false };

test('a host that repeats one claim a thousand times a second hides no other claim, and is reported a few times', () => {
  const budget = new ClaimBudget();
  let reported = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (budget.allows(flooder, ms)) reported++;
    if (ms % 100 === 50) {
      // The holder that is probed, and another host that has an address of ours.
      const other = { address: `192.0.2.${20 + (ms / 50) / 2}` as Ip, mac: '02:00:00:00:00:02', isAnswer: false };
      assert.ok(budget.allows(other, ms), `hidden after ${ms} ms`);
    }
  }
  assert.ok(reported >= 10 && reported <= 100, `${reported} reports`);
});

test('the answers of one host for hundreds of VIPs are all reported', () => {
  const budget = new ClaimBudget();
  for (let i = 0; i < 400; i++) assert.ok(budget.allows({ ...flooder, address: `10.0.${i >> 8}.${i & 255}` as Ip }, 0));
});

test('no link reports more than its part in a second, and each second is a new one', () => {
  const budget = new ClaimBudget();
  const allowed = (now: number) =>
    Array.from({ length: 5_000 }, (_, i) => `02:66:00:00:${i >> 8}:${i & 255}`).filter((mac) =>
      budget.allows({ address: vip, mac, isAnswer: false }, now),
    ).length;
  assert.equal(allowed(0), 500);
  assert.equal(allowed(999), 0);
  assert.equal(allowed(1_000), 500);
});

test('claims that are made to all hosts hide no answer to this host, also if they are those of the host that answers', () => {
  const budget = new ClaimBudget();
  const macs = Array.from({ length: 600 }, (_, i) => `02:66:00:00:${i >> 8}:${i & 255}`);
  for (const mac of macs) budget.allows({ ...flooder, mac }, 0);
  for (let i = 0; i < 5; i++) budget.allows(flooder, 0);
  assert.ok(budget.allows({ ...flooder, isAnswer: true }, 1));
});
