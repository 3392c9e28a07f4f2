/** A node that is not heard for a moment gets no new connections, but keeps those that it has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubtMs, Membership, settleMs } from '../../../../src/dataplane/plan/membership.ts';
import { chanceOf, type SlotTable } from '../../../../src/dataplane/plan/slots.ts';

const all = ['a', 'b', 'c'];

/** The table of a cluster in which the speakers of these nodes are heard. */
function tableAt(membership: Membership, nodes: readonly string[], now: number): SlotTable {
  const members = nodes.map((node) => ({ node, weight: 1 }));
  const table = membership.tables([{ group: 'g', members, shared: false }], new Set(nodes), now).get('g');
  assert.ok(table);
  return table;
}

test("packets of a node's connections are handed on to it while it is in doubt, and not afterwards", () => {
  const membership = new Membership();
  const before = tableAt(membership, all, 0);
  const missing = tableAt(membership, ['a', 'b'], 100_000);
  before.slots.forEach(({ first }, slot) => {
    const now = missing.slots[slot];
    assert.ok(now);
    assert.notEqual(now.first, 'c');
    assert.equal(now.former, first === 'c' ? 'c' : undefined);
    if (first === 'c') assert.equal(chanceOf(now, now.first), 'c');
  });
  assert.equal(membership.nextAt(100_000), 100_000 + doubtMs);
  const givenUp = tableAt(membership, ['a', 'b'], 100_000 + doubtMs);
  assert.ok(givenUp.slots.every(({ former }) => former === undefined));
});

test('a node that is heard again keeps its connections, and gets new ones when it has settled', () => {
  const membership = new Membership();
  tableAt(membership, all, 0);
  tableAt(membership, ['a', 'b'], 100_000);
  const back = tableAt(membership, all, 101_000);
  assert.ok(back.slots.every(({ first }) => first !== 'c'));
  assert.ok(back.slots.some(({ former }) => former === 'c'));
  const settled = tableAt(membership, all, 101_000 + settleMs);
  assert.ok(settled.slots.some(({ first }) => first === 'c'));
});

test('a node whose weight falls keeps the connections of the slots that it loses', () => {
  const membership = new Membership();
  const tableOf = (weights: Readonly<Record<string, number>>, now: number): SlotTable => {
    const members = Object.entries(weights).map(([node, weight]) => ({ node, weight }));
    const table = membership.tables([{ group: 'g', members, shared: false }], new Set(all), now).get('g');
    assert.ok(table);
    return table;
  };
  const before = tableOf({ a: 2, b: 2, c: 2 }, 0);
  const rolled = tableOf({ a: 2, b: 2, c: 1 }, 1_000);
  let moved = 0;
  before.slots.forEach(({ first }, slot) => {
    const now = rolled.slots[slot];
    assert.ok(now);
    if (now.first === first) return;
    moved += 1;
    assert.equal(first, 'c');
    assert.equal(chanceOf(now, now.first), 'c');
  });
  assert.ok(moved > 50, `${moved}`);
  const restored = tableOf({ a: 2, b: 2, c: 2 }, 2_000);
  assert.ok(
    restored.slots.every(({ first, former }, slot) => first === before.slots[slot]?.first && former === undefined),
  );
});
