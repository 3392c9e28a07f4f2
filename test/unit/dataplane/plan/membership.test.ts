/**
 * Which nodes share the slots over time: new nodes wait, nodes that leave are remembered, and equal
 * tables are one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubtMs, Membership, settleMs, type Wanted } from '../../../../src/dataplane/plan/membership.ts';
import { type SlotTable, slotsOf } from '../../../../src/dataplane/plan/slots.ts';

const hourMs = 3_600_000;

function wanted(members: readonly string[], facts: Partial<Wanted> = {}): Wanted {
  return { group: 'g', members: members.map((node) => ({ node, weight: 1 })), shared: false, ...facts };
}

/** The table of one group. */
function tableOf(membership: Membership, members: readonly string[], at: { now: number; present?: readonly string[] }) {
  const { now, present = members } = at;
  return membership.tables([wanted(members)], new Set(present), now).get('g') as SlotTable;
}

/** The nodes that have slots, and the nodes that are remembered. */
function nodesOf({ slots }: SlotTable): string {
  const names = (pick: 'first' | 'former') =>
    [...new Set(slots.map((slot) => slot[pick]))].filter((node) => node !== undefined).sort();
  return `${names('first').join(' ')} | ${names('former').join(' ')}`;
}

test('a node that is there from the start has settled; a node that comes later serves after ten seconds', () => {
  const membership = new Membership();
  assert.equal(nodesOf(tableOf(membership, ['a', 'b'], { now: 5 })), 'a b | ');
  assert.equal(membership.nextAt(5), undefined);
  assert.equal(nodesOf(tableOf(membership, ['a', 'b', 'c'], { now: 1_000 })), 'a b | ');
  assert.equal(membership.nextAt(1_000), 1_000 + settleMs);
  assert.equal(nodesOf(tableOf(membership, ['a', 'b', 'c'], { now: 1_000 + settleMs - 1 })), 'a b | ');
  assert.equal(membership.nextAt(1_000 + settleMs - 1), 1_000 + settleMs);
  assert.equal(nodesOf(tableOf(membership, ['a', 'b', 'c'], { now: 1_000 + settleMs })), 'a b c | ');
  assert.equal(membership.nextAt(1_000 + settleMs), undefined);
});

test('a node that was away waits again before it joins Spread', () => {
  const membership = new Membership();
  tableOf(membership, ['a', 'b'], { now: 0 });
  tableOf(membership, ['a'], { now: 20_000 });
  tableOf(membership, ['a', 'b'], { now: 21_000 });
  // It is back and gets no new connections yet, but other nodes hand on the connections that it
  // knows.
  assert.equal(nodesOf(tableOf(membership, ['a', 'b'], { now: 30_999 })), 'a | b');
  assert.equal(nodesOf(tableOf(membership, ['a', 'b'], { now: 31_000 })), 'a b | ');
});

test('a living node that becomes able to serve does not wait', () => {
  const membership = new Membership();
  tableOf(membership, ['a'], { now: 0, present: ['a', 'b'] });
  assert.equal(nodesOf(tableOf(membership, ['a', 'b'], { now: 1 })), 'a b | ');
});

test('the next node to settle is the one that came first', () => {
  const membership = new Membership();
  tableOf(membership, ['a'], { now: 0 });
  tableOf(membership, ['a', 'b'], { now: 1_000 });
  tableOf(membership, ['a', 'b', 'c'], { now: 4_000 });
  assert.equal(membership.nextAt(4_000), 11_000);
  assert.equal(membership.nextAt(11_000), 14_000);
  assert.equal(new Membership().nextAt(0), undefined);
});

test('a node that leaves Spread is remembered for an hour while it lives, and forgotten when it is dead or back', () => {
  const leave = () => {
    const membership = new Membership();
    tableOf(membership, ['a', 'b'], { now: 0 });
    assert.equal(nodesOf(tableOf(membership, ['a'], { now: 1, present: ['a', 'b'] })), 'a | b');
    return membership;
  };
  const present = ['a', 'b'];
  const membership = leave();
  assert.equal(nodesOf(tableOf(membership, ['a'], { now: 1 + hourMs, present })), 'a | b');
  assert.equal(nodesOf(tableOf(membership, ['a'], { now: 2 + hourMs, present })), 'a | ');
  const dead = leave();
  assert.equal(nodesOf(tableOf(dead, ['a'], { now: 2 })), 'a | b', 'the node may only be late');
  assert.equal(nodesOf(tableOf(dead, ['a'], { now: 1 + doubtMs })), 'a | b');
  assert.equal(nodesOf(tableOf(dead, ['a'], { now: 2 + doubtMs })), 'a | ');
  const back = leave();
  assert.equal(nodesOf(tableOf(back, ['a', 'b'], { now: 2 })), 'a b | ');
  assert.equal(nodesOf(tableOf(back, ['b'], { now: 3, present })), 'b | a');
});

test('a node that has left is remembered with its former share', () => {
  const membership = new Membership();
  const members = [
    { node: 'a', weight: 1 },
    { node: 'b', weight: 8 },
  ];
  const present = new Set(['a', 'b']);
  membership.tables([wanted([], { members })], present, 0);
  const table = membership.tables([wanted(['a'])], present, 1).get('g') as SlotTable;
  assert.deepEqual(table.slots, slotsOf(members.slice(0, 1), members.slice(1)));
});

test('a group without members has an empty table, and does not remember the nodes of another group', () => {
  const membership = new Membership();
  const present = new Set(['a', 'b']);
  const groups = [wanted(['a'], { group: 'one' }), wanted(['a', 'b'], { group: 'two' })];
  membership.tables(groups, present, 0);
  const tables = membership.tables([wanted([], { group: 'one' }), wanted(['a'], { group: 'two' })], present, 1);
  assert.deepEqual(tables.get('one')?.slots, []);
  assert.equal(nodesOf(tables.get('two') as SlotTable), 'a | b');
});

test('targets with the same group share one table', () => {
  const tables = new Membership().tables([wanted(['a']), wanted(['a', 'b'])], new Set(['a', 'b']), 0);
  assert.equal(tables.size, 1);
  assert.equal(nodesOf(tables.get('g') as SlotTable), 'a | ');
});

test('an unchanged table is the same object; a changed one keeps its name, so that it replaces the old one', () => {
  const membership = new Membership();
  const first = tableOf(membership, ['a', 'b'], { now: 0 });
  assert.ok(tableOf(membership, ['b', 'a'], { now: 1 }) === first);
  const changed = tableOf(membership, ['a'], { now: 2 });
  assert.equal(changed.name, first.name);
  assert.notEqual(changed.key, first.key);
  const byGroup = membership.tables([wanted(['a']), wanted(['a'], { group: 'h' })], new Set(['a']), 3);
  assert.ok(byGroup.get('g') === changed);
  assert.notEqual(byGroup.get('h')?.name, changed.name);
});

test('shared tables are one if their members and former members are the same, and different weights make another one', () => {
  const membership = new Membership();
  const present = new Set(['a', 'b', 'c']);
  const group = (name: string, nodes: readonly string[], weight = 1) =>
    wanted([], { group: name, members: nodes.map((node) => ({ node, weight })), shared: true });
  const before = membership.tables([group('x', ['a', 'b']), group('y', ['b', 'a']), group('z', ['a'])], present, 0);
  assert.ok(before.get('x') === before.get('y'), 'new tables are shared too');
  assert.notEqual(before.get('x')?.name, before.get('z')?.name);
  const after = membership.tables([group('x', ['a']), group('y', ['a', 'b'], 2), group('z', ['a'])], present, 1);
  assert.equal(
    new Set(['x', 'y', 'z'].map((name) => after.get(name)?.name)).size,
    3,
    'b has left x, and was never in z',
  );
  assert.ok(after.get('z') === before.get('z'));
});
