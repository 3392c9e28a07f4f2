/** Parts that are refused, alone or together, are found with few questions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAccepted } from '../../../../src/dataplane/plan/acceptance.ts';
import { fc } from '../../../property.ts';

/** A judge that refuses these numbers, and these pairs together. */
function judgeOf(bad: ReadonlySet<number>, pairs: readonly (readonly [number, number])[] = []) {
  let asked = 0;
  return {
    asked: () => asked,
    accepts: async (parts: readonly number[]) => {
      asked++;
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

test('one refused part of a thousand costs at most twenty questions, and five at most eighty', async () => {
  for (const [bad, most] of [
    [[500], 20],
    [[0], 20],
    [[999], 20],
    [[3, 200, 201, 640, 998], 80],
  ] as const) {
    const judge = judgeOf(new Set(bad));
    const { refused } = await findAccepted([], thousand, { ...judge, most: 1_000 });
    assert.deepEqual(refused, bad);
    assert.ok(judge.asked() <= most, `${judge.asked()} questions for ${bad}`);
  }
});

test('the number of questions is limited; parts that were not judged are reported as such', async () => {
  const judge = judgeOf(new Set(thousand.filter((i) => i % 2 === 0)));
  const { accepted, refused, unjudged } = await findAccepted([], thousand, { ...judge, most: 20 });
  assert.equal(judge.asked(), 20);
  assert.equal(accepted.length + refused.length + unjudged.length, 1_000);
  assert.ok(unjudged.length > 900);
  assert.ok(accepted.every((i) => i % 2 === 1) && refused.every((i) => i % 2 === 0));
});
