/** An answer on the wire proves that a node lives now, and soon proves nothing any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { HolderProbes } from '../../../src/election/holder-probes.ts';
import type { Vip } from '../../../src/election/view.ts';

const address = '192.0.2.10' as Ip;
const vip: Vip = {
  uid: 'u',
  address,
  eligible: new Set(['n']),
  serves: () => true,
  linksOf: () => ['eth0'],
  recorded: undefined,
};
const wanted = [{ vip, node: 'n' }];

test('a node that answered counts as answering, until it has not answered for a second and a few probes', () => {
  const asks = new HolderProbes();
  assert.ok(!asks.answersFor('n', 0), 'the node was never heard');
  asks.answered(address, 'n', 1_000);
  assert.ok(asks.answersFor('n', 1_000));
  assert.ok(asks.answersFor('n', 2_000));
  assert.ok(!asks.answersFor('n', 3_000), 'no probe was sent since');
  assert.ok(!asks.answersFor('other', 1_000));
});

test('three unanswered probes outweigh the answer before them', () => {
  const asks = new HolderProbes();
  asks.due(wanted, 0);
  asks.answered(address, 'n', 10);
  // After an answer the next probe may wait for a second.
  for (const now of [1_000, 1_050, 1_100]) assert.equal(asks.due(wanted, now).length, 1, `${now}`);
  assert.ok(!asks.answersFor('n', 1_150));
});

test('the silence of a VIP is believed after enough probes in enough time', () => {
  const asks = new HolderProbes();
  const proof = { probes: 3, forMs: 150 };
  for (const now of [0, 50, 100]) asks.due(wanted, now);
  assert.ok(!asks.isUnanswered('u', { now: 149, ...proof }));
  assert.ok(asks.isUnanswered('u', { now: 150, ...proof }));
  asks.answered(address, undefined, 160);
  assert.ok(!asks.isUnanswered('u', { now: 400, ...proof }));
  assert.ok(asks.isAnswered('u'));
});

test('a probe that could not be sent proves nothing, and is tried again', () => {
  const asks = new HolderProbes();
  const proof = { probes: 3, forMs: 150 };
  let tried = 0;
  for (let now = 0; now < 2_000; now += 50) {
    for (const { vip } of asks.due(wanted, now)) {
      tried++;
      asks.unsent(vip.uid);
    }
  }
  assert.ok(tried > 5, `${tried} tries`);
  assert.ok(!asks.isUnanswered('u', { now: 2_000, ...proof }));
  assert.ok(!asks.isSilent('n', { now: 2_000, ...proof }));
  for (const now of [2_000, 2_200, 2_400]) asks.due(wanted, now);
  assert.ok(!asks.isUnanswered('u', { now: 2_100, ...proof }), 'the time begins with the first probe that was sent');
  assert.ok(asks.isUnanswered('u', { now: 2_400, ...proof }));
});

test('a host is probed alone after its first answer, and only answers to such probes prove that it is there', () => {
  const asks = new HolderProbes();
  const [mac, other] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
  const sentTo = (now: number) => asks.due(wanted, now).map(({ to }) => to ?? 'all');
  assert.deepEqual(sentTo(0), ['all']);
  assert.equal(asks.isDirectAnswer('u', mac, 1), false);
  assert.deepEqual(sentTo(50), [mac]);
  assert.equal(asks.isDirectAnswer('u', other, 51), false, 'it may have a new address');
  assert.deepEqual(sentTo(100), [other]);
  assert.equal(asks.isDirectAnswer('u', other, 101), true);
});

test('of three probes for a host that does not answer one goes to all, whose answers prove nothing', () => {
  const asks = new HolderProbes();
  const mac = '02:00:00:00:00:01';
  asks.due(wanted, 0);
  asks.isDirectAnswer('u', mac, 1);
  const all: number[] = [];
  let sent = 0;
  for (let now = 50; now <= 2_000; now += 50) {
    for (const { to } of asks.due(wanted, now)) {
      sent++;
      if (to !== undefined) continue;
      all.push(now);
      assert.equal(asks.isDirectAnswer('u', mac, now + 1), false, 'a switch answers');
    }
  }
  assert.equal(all.length, Math.floor(sent / 3));
  assert.ok(asks.isSilent('n', { now: 2_000, probes: 3, forMs: 100 }));
});
