/** Parts that are refused, alone or together, are found with few questions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAccepted } from '../../../../src/dataplane/plan/acceptance.ts';
import { fc } from '../../../property.ts';

/** A judge that refuses these numbers, and these pairs together. The cost of a question is the number of its parts. */
function judgeOf(bad: ReadonlySet<number>, pairs: readonly (readonly [number, number])[] = []) {
  let [asked, cost] = [0, 0];
  return {
    asked: () => asked,
    cost: () => cost,
    accepts: async (parts: readonly number[]) => {
      asked++;
      cost += parts.length;
      return allows(parts, bad, pairs);
    },
  };
}

function allows(parts: readonly number[], bad: ReadonlySet<number>, pairs: readonly (readonly [number, number])[]) {
  const all = new Set(parts);
  return !parts.some((part) => bad.has(part)) && !pairs.some(([a, b]) => all.has(a) && all.has(b));
}

test('every part that the judge accepts beside the others is accepted', async () => {
  const number = fc.nat(40);
  const property = fc.asyncProperty(
    fc.uniqueArray(number, { maxLength: 30 }),
    fc.array(number, { maxLength: 4 }),
    fc.array(fc.tuple(number, number), { maxLength: 4 }),
    async (suspects, badList, pairs) => {
      const bad = new Set(badList);
      if (allows(suspects, bad, pairs)) return;
      const { accepted, refused, unjudged } = await findAccepted([], suspects, { ...judgeOf(bad, pairs), most: 1_000 });
      assert.ok(allows(accepted, bad, pairs));
      assert.deepEqual([...accepted, ...refused].sort(), suspects.toSorted());
      assert.deepEqual(unjudged, []);
      for (const one of refused) assert.ok(!allows([...accepted, one], bad, pairs), `${one} is refused without reason`);
    },
  );
  await fc.assert(property);
});

const thousand = Array.from({ length: 1_000 }, (_, i) => i);

test('a few refused parts of a thousand cost little more than a few questions about all', async () => {
  for (const [bad, most] of [
    [[500], 5],
    [[0], 5],
    [[999], 5],
    [[3, 200, 201, 640, 998], 9],
  ] as const) {
    const judge = judgeOf(new Set(bad));
    const { refused } = await findAccepted([], thousand, { ...judge, most: 1_000 });
    assert.deepEqual(refused, bad);
    assert.ok(judge.cost() <= most * 1_000, `${judge.cost()} parts were judged for ${bad}`);
  }
});

test('parts that are refused beside the base are found', async () => {
  const judge = judgeOf(new Set([7]), [
    [2_000, 500],
    [2_000, 501],
  ]);
  const { accepted, refused } = await findAccepted([2_000], thousand, { ...judge, most: 1_000 });
  assert.deepEqual(refused, [7, 500, 501]);
  assert.equal(accepted.length, 998);
});

test('the number of questions is limited; parts that were not judged are reported as such', async () => {
  const judge = judgeOf(new Set(thousand.filter((i) => i % 2 === 0)));
  const { accepted, refused, unjudged } = await findAccepted([], thousand, { ...judge, most: 20 });
  assert.equal(judge.asked(), 21);
  assert.equal(accepted.length + refused.length + unjudged.length, 1_000);
  assert.ok(unjudged.length > 900);
  assert.ok(accepted.every((i) => i % 2 === 1) && refused.every((i) => i % 2 === 0));
});
