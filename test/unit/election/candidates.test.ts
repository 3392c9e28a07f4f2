/** Which nodes are certainly dead, so that their endpoints get no new connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { livingIn, lostIn } from '../../../src/election/candidates.ts';
import type { Candidate, HolderView } from '../../../src/election/view.ts';

const alive: Candidate = {
  liveness: 'Alive',
  gains: true,
  gainsSoon: false,
  draining: false,
  backAt: 0,
  answersOnWire: false,
  silentOnWire: false,
};

/** The view of this node, `self`, with a peer `n`. */
function view(peer: Partial<Candidate>, facts: Partial<HolderView> = {}): HolderView {
  const nodes = new Map([
    ['self', { ...alive, liveness: 'Self' as const }],
    ['n', { ...alive, ...peer }],
  ]);
  return { nodes, listening: false, isolated: false, ...facts } as HolderView;
}

test('a node is lost if it is dead to all and does not answer on the wire', () => {
  const dead = { liveness: 'Dead' } as const;
  const rows: readonly [string, HolderView | undefined, boolean][] = [
    ['the node lives', view({}), false],
    ['the node restarts', view({ liveness: 'Restarting' }), false],
    ['it was never heard', view({ liveness: 'Unknown', silentOnWire: true }), false],
    ['dead', view(dead), true],
    ['its kernel answers for a VIP', view({ ...dead, answersOnWire: true }), false],
    ['no peer is heard', view(dead, { isolated: true }), false],
    ['no peer is heard, and the wire is silent', view({ ...dead, silentOnWire: true }, { isolated: true }), true],
    ['no peer is heard, but the wire answers', view({ ...dead, answersOnWire: true }, { isolated: true }), false],
    ['this node has just started', view(dead, { listening: true }), false],
    ['nothing is known yet', undefined, false],
  ];
  for (const [desc, seen, isLost] of rows) assert.deepEqual(lostIn(seen), isLost ? ['n'] : [], desc);
});

test('the living nodes are this one and the ones that it hears', () => {
  assert.deepEqual(livingIn(view({})), ['self', 'n']);
  assert.deepEqual(livingIn(view({ liveness: 'Dead' })), ['self']);
  assert.deepEqual(livingIn(view({}, { listening: true })), []);
});
