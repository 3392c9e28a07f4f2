/**
 * Slots: every node computes the same ones, and a node that comes or goes moves no slot of other
 * nodes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chanceOf,
  type Member,
  type Slot,
  slotCount,
  slotsOf,
  weightOf,
} from '../../../../src/dataplane/plan/slots.ts';
import { fc } from '../../../property.ts';

const weight = fc.constantFrom(1, 1, 1, 2, 4, 8);
/** Nodes with different names, and how many of them are in the first part of a split. */
const members = (minLength = 1) =>
  fc.uniqueArray(fc.record({ node: fc.nat(10_000).map((n) => `node-${n}.example`), weight }), {
    minLength,
    maxLength: 8,
    selector: ({ node }) => node,
  });
const few = { numRuns: 50 } as const;
const nodesOf = (all: readonly Member[]) => new Set(all.map(({ node }) => node));

test('every slot has a member, and a different second one if there is one', () => {
  const property = fc.property(members(), (all) => {
    const slots = slotsOf(all, []);
    assert.equal(slots.length, slotCount);
    const nodes = nodesOf(all);
    for (const { first, second, former } of slots) {
      assert.ok(nodes.has(first));
      assert.equal(second === undefined, all.length === 1);
      assert.ok(second === undefined || (nodes.has(second) && second !== first));
      assert.equal(former, undefined);
    }
  });
  fc.assert(property, few);
  assert.deepEqual(slotsOf([], []), []);
  assert.deepEqual(slotsOf([], [{ node: 'a', weight: 1 }]), []);
});

test('the order of the input does not matter', () => {
  const shuffled = members().chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(all.length - 1)),
  );
  const property = fc.property(shuffled, ([all, other, at]) => {
    const byNode = ({ node }: Member) => all.findIndex((one) => one.node === node) <= at;
    const split = (list: readonly Member[]) =>
      slotsOf(
        list.filter(byNode),
        list.filter((one) => !byNode(one)),
      );
    assert.deepEqual(split(other), split(all));
  });
  fc.assert(property, few);
});

test('a node that leaves moves only its own slots, each to its second; a node that joins takes only the slots that it gains', () => {
  const property = fc.property(members(2), ([one, ...rest]) => {
    const [with_, without] = [slotsOf([one as Member, ...rest], []), slotsOf(rest, [])];
    with_.forEach(({ first, second }, slot) => {
      assert.equal(without[slot]?.first, first === one?.node ? second : first);
    });
  });
  fc.assert(property, few);
});

test('a slot has a former node exactly if a node that has left would have it', () => {
  const property = fc.property(members(2), fc.nat(), (all, cut) => {
    const at = 1 + (cut % (all.length - 1));
    const [stayed, left] = [all.slice(0, at), all.slice(at)];
    const leavers = nodesOf(left);
    const [now, before, alone] = [slotsOf(stayed, left), slotsOf(all, []), slotsOf(stayed, [])];
    now.forEach(({ first, second, former }, slot) => {
      const was = before[slot];
      assert.equal(first, alone[slot]?.first, 'nodes that have left get no new connections');
      assert.equal(former, leavers.has(was?.first ?? '') ? was?.first : undefined);
      // The first node has just joined, and the former one has left since. The second one has the
      // older connections.
      if (former === undefined) assert.equal(second, was?.second);
    });
  });
  fc.assert(property, few);
});

test('a node whose weight rises gains slots, and loses none', () => {
  const property = fc.property(members(2), ([one, ...rest]) => {
    const before = slotsOf([one as Member, ...rest], []);
    const after = slotsOf([{ node: `${one?.node}`, weight: 2 * (one?.weight ?? 0) }, ...rest], []);
    after.forEach(({ first, second }, slot) => {
      const was = before[slot]?.first;
      if (first !== was) assert.deepEqual([first, second], [one?.node, was], 'the former owner is the second');
    });
  });
  fc.assert(property, few);
});

test('shares follow the weights', () => {
  const property = fc.property(members(), (all) => {
    const total = all.reduce((sum, { weight }) => sum + weight, 0);
    const slots = slotsOf(all, []);
    for (const { node, weight } of all) {
      const share = weight / total;
      const expected = slotCount * share;
      // Six standard deviations of a binomial distribution: exceeded once in 500 million.
      const most = 6 * Math.sqrt(expected * (1 - share));
      const count = slots.filter(({ first }) => first === node).length;
      assert.ok(Math.abs(count - expected) <= most + 1e-9, `${node} has ${count}, not ${expected} ± ${most}`);
    }
  });
  fc.assert(property, few);
});

test('all versions of Berth compute the same slots', () => {
  const slots = slotsOf(
    ['a', 'b', 'c'].map((node, i) => ({ node, weight: 2 ** i })),
    [{ node: 'd', weight: 2 }],
  );
  const text = slots
    .slice(0, 32)
    .map(({ first, second, former = '-' }) => `${first}${second}${former}`)
    .join(' ');
  assert.equal(
    text,
    'cb- bc- ab- cd- cd- cdd cb- bdd cdd cb- bc- cb- ab- cb- cd- cd- ca- bd- ab- cb- cd- cd- cb- bc- bc- cdd cdd cdd cdd ac- cdd cdd',
  );
});

test('an unknown connection goes to the node that had its slot, or would have it', () => {
  const slot = (first: string, second?: string, former?: string): Slot => ({ first, second, former });
  const rows: readonly (readonly [Slot, string, string | undefined])[] = [
    [slot('a'), 'a', undefined],
    [slot('a'), 'b', 'a'],
    [slot('a', 'b'), 'a', 'b'],
    [slot('a', 'b'), 'b', 'a'],
    [slot('a', 'b'), 'c', 'a'],
    [slot('a', 'b', 'c'), 'a', 'c'],
    [slot('a', 'b', 'c'), 'b', 'c'],
    [slot('a', 'b', 'c'), 'c', 'a'],
    [slot('a', undefined, 'c'), 'a', 'c'],
    [slot('a', undefined, 'c'), 'c', 'a'],
  ];
  for (const [of, self, to] of rows) assert.equal(chanceOf(of, self), to, `${JSON.stringify(of)} at ${self}`);
});

test('weights are powers of two, so that one endpoint more or less rarely moves a slot', () => {
  const rows = [
    ...[
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 4],
      [4, 4],
      [5, 4],
      [6, 8],
      [8, 8],
      [11, 8],
      [12, 16],
      [22, 16],
      [23, 32],
    ],
    [100, 128],
  ] as const;
  for (const [endpoints, weight] of rows) assert.equal(weightOf(endpoints as number), weight, `${endpoints}`);
});
