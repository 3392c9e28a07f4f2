/** Claims that wait to be sent: in small portions, to all peers, and never older than what was sent before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../../src/liveness/outbox.ts';
import { Peers } from '../../../src/liveness/peers.ts';
import { fc } from '../../property.ts';
import { seed } from '../../runner/seed.ts';

const sender = { node: 'n1', incarnation: '1'.repeat(16) };
const receiver = { node: 'n2', incarnation: '2'.repeat(16) };
const uidOf = (i: number) => `ffffffff-ffff-ffff-ffff-${`${i}`.padStart(12, '0')}`;

/** A speaker with claims. */
class Claimant {
  readonly peers = new Peers(sender);
  readonly outbox = new Outbox(this.peers);

  claim(i: number, term = 1): void {
    this.peers.claims.set('n1', { uid: uidOf(i), term, isolated: false, leaving: false });
  }

  drop(i: number): void {
    this.peers.claims.drop('n1', uidOf(i));
  }
}

const nodes = Array.from({ length: 99 }, (_, i) => `peer-${i}`);

test('thousands of claims for a hundred peers go out in small portions, in which all peers take turns', () => {
  const claimant = new Claimant();
  const { outbox } = claimant;
  for (let i = 0; i < 3_000; i++) claimant.claim(i);
  outbox.queueDeltas(nodes);
  const told = new Map<string, number>();
  let most = 0;
  while (!outbox.backlog.isEmpty) {
    const portion = outbox.backlog.take();
    most = Math.max(most, portion.length);
    for (const { node, message } of portion) told.set(node, (told.get(node) ?? 0) + message.claims.length);
    const counts = nodes.map((node) => told.get(node) ?? 0);
    assert.ok(
      Math.max(...counts) - Math.min(...counts) <= 100,
      `some peers know ${Math.max(...counts)} claims, others ${Math.min(...counts)}`,
    );
  }
  assert.ok(most <= 100, `${most} datagrams in a portion`);
  assert.deepEqual(
    [...told.values()],
    nodes.map(() => 3_000),
  );
});

test('one peer gets few datagrams at once: its buffer would not hold more', () => {
  const claimant = new Claimant();
  for (let i = 0; i < 3_000; i++) claimant.claim(i);
  claimant.outbox.queueFullSync('n2');
  assert.ok(claimant.outbox.backlog.take().length <= 16);
});

const change = fc.record({ i: fc.nat(60), term: fc.integer({ min: 0, max: 3 }) });
const rounds = fc.array(
  fc.record({ changes: fc.array(change, { maxLength: 60 }), list: fc.boolean(), sends: fc.boolean() }),
  {
    maxLength: 8,
  },
);

test('whatever waits, no message has a claim that was given up meanwhile, and the peer knows all claims in the end', () => {
  fc.assert(
    fc.property(rounds, (all) => {
      const claimant = new Claimant();
      const peers = new Peers(receiver);
      const { outbox } = claimant;
      const send = () => {
        for (const { message } of outbox.backlog.take()) {
          const held = claimant.peers.claims.of('n1');
          assert.deepEqual(
            message.claims.filter(({ uid }) => !held.has(uid)),
            [],
          );
          assert.deepEqual(
            message.dropped.filter((uid) => held.has(uid)),
            [],
          );
          peers.receive({ ...message, to: { ...receiver, newest: receiver.incarnation } }, 'eth0', 0);
        }
      };
      for (const { changes, list, sends } of all) {
        for (const { i, term } of changes) {
          if (term === 0) claimant.drop(i);
          else claimant.claim(i, term);
        }
        outbox.queueDeltas(['n2']);
        if (list) outbox.queueFullSync('n2');
        if (sends) send();
      }
      while (!outbox.backlog.isEmpty) send();
      assert.deepEqual(peers.claims.digestOf('n1'), claimant.peers.claims.digestOf('n1'));
    }),
    { seed: seed(), numRuns: 300 },
  );
});
