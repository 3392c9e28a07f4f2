/** Who counts as alive, by what the last beat said and how long ago that was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heartbeat, noClaims, type SpeakerState } from '../../../src/liveness/messages.ts';
import { Peers } from '../../../src/liveness/peers.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const beatAt = 1_000;

/** How a peer is some time after its only beat. */
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

test('a peer is alive for 400 ms after its last beat, and dead then', () => {
  assert.equal(livenessAfter(399), 'Alive');
  assert.equal(livenessAfter(400), 'Dead');
});

test('a peer that beats while its packet worker or its main loop is stuck is dead: nobody answers there', () => {
  assert.equal(livenessAfter(0, { ages: { loop: 0, worker: 4_999 } }), 'Alive');
  assert.equal(livenessAfter(0, { ages: { loop: 0, worker: 5_000 } }), 'Dead');
  assert.equal(livenessAfter(0, { ages: { loop: 5_000, worker: 0 } }), 'Dead');
});

test('a peer that said it would be back is waited for, for three seconds and no longer', () => {
  assert.equal(livenessAfter(2_999, { state: 'Restarting' }), 'Restarting');
  assert.equal(livenessAfter(3_000, { state: 'Restarting' }), 'Dead');
});
