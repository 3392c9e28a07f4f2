/** Which nodes are dead beyond doubt: what runs there gets no new connections. */
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

/** What this node, `self`, makes of a peer `n`. */
function view(peer: Partial<Candidate>, facts: Partial<HolderView> = {}): HolderView {
  const nodes = new Map([
    ['self', { ...alive, liveness: 'Self' as const }],
    ['n', { ...alive, ...peer }],
  ]);
  return { nodes, listening: false, isolated: false, ...facts } as HolderView;
}

test('a node is lost that is dead to all and does not answer on the wire', () => {
  const dead = { liveness: 'Dead' } as const;
  const rows: readonly [string, HolderView | undefined, boolean][] = [
    ['it lives', view({}), false],
    ['it starts again', view({ liveness: 'Restarting' }), false],
    ['nobody has ever heard it', view({ liveness: 'Unknown', silentOnWire: true }), false],
    ['dead', view(dead), true],
    ['its kernel answers for a VIP', view({ ...dead, answersOnWire: true }), false],
    ['we hear nobody', view(dead, { isolated: true }), false],
    ['we hear nobody, and the wire is silent too', view({ ...dead, silentOnWire: true }, { isolated: true }), true],
    ['we hear nobody, but the wire answers', view({ ...dead, answersOnWire: true }, { isolated: true }), false],
    ['we have just started', view(dead, { listening: true }), false],
    ['nothing is known yet', undefined, false],
  ];
  for (const [desc, seen, isLost] of rows) assert.deepEqual(lostIn(seen), isLost ? ['n'] : [], desc);
});

test('the nodes that live are this one and those that are heard', () => {
  assert.deepEqual(livingIn(view({})), ['self', 'n']);
  assert.deepEqual(livingIn(view({ liveness: 'Dead' })), ['self']);
  assert.deepEqual(livingIn(view({}, { listening: true })), []);
});
