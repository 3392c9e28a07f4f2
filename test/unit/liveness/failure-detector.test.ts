/** Which peers count as alive, by the state in the last heartbeat and its age. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heartbeat, noClaims, type SpeakerState } from '../../../src/liveness/messages.ts';
import { Peers } from '../../../src/liveness/peers.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const beatAt = 1_000;

/** A heartbeat of a node. */
function beatOf(node: string, facts: Partial<Heartbeat> = {}): Heartbeat {
  return {
    ...{ kind: 'Heartbeat', from: { node, incarnation: '2'.repeat(16) }, sequence: 1 },
    ...{ to: { ...self, newest: self.incarnation }, rules: 1, nextMs: 100, ages: { loop: 0, worker: 0 } },
    ...{ state: 'Serving' as SpeakerState, links: [], heard: [], total: noClaims, wantsClaims: false, ...facts },
  };
}

/** The liveness of a peer some time after its only heartbeat. */
function livenessAfter(ms: number, facts: Partial<Pick<Heartbeat, 'ages' | 'state'>> = {}) {
  const peers = new Peers(self);
  assert.equal(peers.receive(beatOf('n2', facts), 'eth0', beatAt), 'Taken');
  return peers.livenessOf('n2', beatAt + ms);
}

/** What a speaker knows of n2, whose announcement of a restart only n3 has heard, 90 ms after the last heartbeat here. */
function toldByAnother(): Peers {
  const peers = new Peers(self);
  peers.receive(beatOf('n2'), 'eth0', beatAt);
  peers.receive(beatOf('n3', { heard: [['n2', 10, 'Restarting']] }), 'eth0', beatAt + 100);
  return peers;
}

test('a restart that was announced to another peer is waited for as well, for three seconds and no longer', () => {
  const peers = toldByAnother();
  assert.equal(peers.hasUrgentWork, true);
  assert.equal(peers.livenessOf('n2', beatAt + 101), 'Restarting');
  assert.equal(peers.livenessOf('n2', beatAt + 3_089), 'Restarting');
  assert.equal(peers.livenessOf('n2', beatAt + 3_090), 'Dead');
});

test('a peer that is back is alive, whatever another peer still tells of its restart', () => {
  const peers = toldByAnother();
  const from = { node: 'n2', incarnation: '3'.repeat(16) };
  peers.receive(beatOf('n2', { from }), 'eth0', beatAt + 600);
  peers.receive(beatOf('n3', { sequence: 2, heard: [['n2', 520, 'Restarting']] }), 'eth0', beatAt + 610);
  assert.equal(peers.livenessOf('n2', beatAt + 620), 'Alive');
});

test('a peer is alive for 400 ms after its last heartbeat, and then dead', () => {
  assert.equal(livenessAfter(399), 'Alive');
  assert.equal(livenessAfter(400), 'Dead');
});

test('a peer with a stuck packet worker or main loop is dead although it sends heartbeats: it answers no request', () => {
  assert.equal(livenessAfter(0, { ages: { loop: 0, worker: 4_999 } }), 'Alive');
  assert.equal(livenessAfter(0, { ages: { loop: 0, worker: 5_000 } }), 'Dead');
  assert.equal(livenessAfter(0, { ages: { loop: 5_000, worker: 0 } }), 'Dead');
});

test('a peer that announced its restart is waited for, for three seconds and no longer', () => {
  assert.equal(livenessAfter(2_999, { state: 'Restarting' }), 'Restarting');
  assert.equal(livenessAfter(3_000, { state: 'Restarting' }), 'Dead');
});

/**
 * For how many of 40 seconds this node counts as one that no peer hears. It has five watchers among peers that send it
 * a heartbeat every `nextMs`; those that hear it report that.
 */
function secondsUnheard({ nextMs, hear }: { readonly nextMs: number; readonly hear: boolean }): number {
  const peers = new Peers(self);
  let unheard = 0;
  for (let now = 0; now < 40_000; now += 100) {
    for (let i = 0; i < 20; i++) {
      if (now % nextMs !== 0) continue;
      const heard = hear && i < 5 ? ([[self.node, 50]] as const) : [];
      peers.receive(beatOf(`p${i}`, { nextMs, sequence: now / 100 + 1, heard }), 'eth0', now);
    }
    if (peers.isUnheard(now)) unheard += 0.1;
  }
  return unheard;
}

test('a node is not taken for unheard because the peers that hear it send to it rarely, as in a cluster of 500', () => {
  for (const nextMs of [100, 1_000, 2_000, 5_000]) assert.equal(secondsUnheard({ nextMs, hear: true }), 0, `${nextMs}`);
});

test('a node that no peer hears knows it after 1.5 intervals of their heartbeats', () => {
  for (const [nextMs, seconds] of [
    [100, 38],
    [1_000, 38],
    [5_000, 32],
  ] as const) {
    assert.ok(secondsUnheard({ nextMs, hear: false }) >= seconds, `${nextMs}`);
  }
});
