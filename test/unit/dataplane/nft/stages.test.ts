/** How a large ruleset is loaded in stages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Collection, changeText, type Ruleset } from '../../../../src/dataplane/nft/ruleset.ts';
import { Stages } from '../../../../src/dataplane/nft/stages.ts';

/** A table with a set that may follow, and one that may not. */
function ruleset(late: number, early = 20_000, spec = 'type mark'): Ruleset {
  const setOf = (count: number, facts: Partial<Collection> = {}): Collection => {
    const elements = new Map(Array.from({ length: count }, (_, i) => [`${i}`, '']));
    return { kind: 'set', spec, elements, ...facts };
  };
  const collections = new Map([
    ['early', setOf(early)],
    ['late', setOf(late, { mayFollow: true })],
  ]);
  return [{ family: 'ip', collections, chains: new Map() }];
}

const sizes = (some: Ruleset) =>
  some.flatMap(({ collections }) => [...collections.values()].map((one) => one.elements.size));
const numbers = (commands: string) => commands.match(/\d+(?=[,\s])/g)?.map(Number) ?? [];

test('elements that may follow come in stages of 5,000, in their order; all other ones come first', () => {
  const stages = new Stages(ruleset(0), ruleset(12_000));
  assert.deepEqual(sizes(stages.first), [20_000, 5_000]);
  const loaded: number[][] = [];
  for (let commands = stages.next; commands !== undefined; commands = stages.next) {
    assert.match(commands, /^(add element ip berth late \{[^}]*\}\n)+$/);
    loaded.push([...numbers(commands)]);
    stages.loaded();
  }
  const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
  assert.deepEqual(loaded, [from(5_000, 5_000), from(10_000, 2_000)]);
  assert.equal(changeText(stages.first, ruleset(12_000)), '', 'everything is loaded');
});

test('a stage that was not accepted comes again, and a later ruleset goes on from what is loaded', () => {
  const stages = new Stages(ruleset(0), ruleset(12_000));
  assert.equal(stages.next, stages.next);
  stages.loaded();
  const after = new Stages(stages.first, ruleset(16_000));
  assert.deepEqual(sizes(after.first), [20_000, 15_000], '10,000 are loaded');
  assert.equal(numbers(after.next ?? '')[0], 15_000);
});

test('a ruleset without many new elements is loaded at once', () => {
  const [small, large] = [ruleset(5_000), ruleset(10_000)];
  assert.equal(new Stages(undefined, small).first[0], small[0]);
  assert.equal(new Stages(small, large).first[0], large[0]);
  assert.equal(new Stages(small, large).next, undefined);
});

test('a set that is new in a table that stays is loaded in stages', () => {
  const [table] = ruleset(0);
  const without = table && { ...table, collections: new Map([...table.collections].slice(0, 1)) };
  const stages = new Stages(without && [without], ruleset(12_000));
  assert.deepEqual(sizes(stages.first), [20_000, 5_000]);
});

test('a table that is new in the kernel is loaded in stages', () => {
  assert.deepEqual(sizes(new Stages([], ruleset(12_000)).first), [20_000, 5_000]);
});

test('a table that is created again has all elements at once, as it had them before, up to 100,000', () => {
  const other = ruleset(12_000, 0, 'type ether_type');
  for (const before of [undefined, other]) {
    assert.deepEqual(sizes(new Stages(before, ruleset(100_000)).first), [20_000, 100_000]);
    const stages = new Stages(before, ruleset(106_000));
    assert.deepEqual(sizes(stages.first), [20_000, 100_000]);
    assert.equal(numbers(stages.next ?? '').length, 5_000);
  }
});
