/** Which peers count as alive, by the state in the last heartbeat and its age. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heartbeat, noClaims, type SpeakerState } from '../../../src/liveness/messages.ts';
import { Peers } from '../../../src/liveness/peers.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const beatAt = 1_000;

/** The liveness of a peer some time after its only heartbeat. */
function livenessAfter(ms: number, facts: Partial<Pick<Heartbeat, 'ages' | 'state'>> = {}) {
  const peers = new Peers(self);
  const beat: Heartbeat = {
    ...{ kind: 'Heartbeat', from: { node: 'n2', incarnation: '2'.repeat(16) }, sequence: 1 },
    ...{ to: { ...self, newest: self.incarnation }, rules: 1, nextMs: 100, ages: { loop: 0, worker: 0 } },
    ...{ state: 'Serving' as SpeakerState, links: [], heard: [], total: noClaims, wantsClaims: false, ...facts },
  };
  assert.equal(peers.receive(beat, 'eth0', beatAt), 'Taken');
  return peers.livenessOf('n2', beatAt + ms);
}

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
