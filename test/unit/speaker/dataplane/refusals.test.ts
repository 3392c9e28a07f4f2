/** Parts that the kernel refuses are left out, and cost nothing while nothing changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { ofVip, type Part } from '../../../../src/dataplane/plan/parts.ts';
import type { DataPath } from '../../../../src/dataplane/plan/spec.ts';
import { Refusals } from '../../../../src/speaker/dataplane/refusals.ts';
import { pathOf, vipPath } from '../../../net/path-lab.ts';

const good = '192.0.2.1';
const bad = '192.0.2.66';
const second = 1_000;

/** A kernel that refuses one address. */
const accepts = async (path: DataPath) => path.vips.every(({ address }) => address !== bad);

/** The path of these VIPs: address and ports. */
function ways(...all: readonly string[]): DataPath {
  return pathOf({ vips: all.map((text) => vipPath(...(text.split(' ') as [string]))) });
}

async function find(refusals: Refusals, path: DataPath, now: number): Promise<readonly Part[]> {
  refusals.observe(path);
  return refusals.find({ path, base: [], error: new Error('refused') }, accepts, () => now);
}

test('a refused part is found once, and is left out', async () => {
  const refusals = new Refusals();
  assert.deepEqual(await find(refusals, ways(good, bad), 0), [`vip ${bad}`]);
  assert.ok(refusals.has(ofVip(bad as Ip)));
  assert.deepEqual([...refusals.leftOut(4_999)], [`vip ${bad}`]);
  assert.deepEqual(await find(refusals, ways(good, bad), 5 * second), [], 'it is known');
});

test('a part that stays refused is tried ever more seldom', async () => {
  const refusals = new Refusals();
  const path = ways(good, bad);
  let tries = 0;
  for (let now = 0; now <= 24 * 3_600 * second; now += second) {
    if (tries > 0 && !refusals.isDue(now)) continue;
    tries++;
    await find(refusals, path, now);
  }
  assert.ok(tries < 40, `${tries} tries a day`);
});

test('a part that changes is tried again after five seconds, not before', async () => {
  const refusals = new Refusals();
  for (const now of [0, 5, 15, 35]) await find(refusals, ways(good, bad), now * second);
  refusals.observe(ways(good, bad));
  assert.equal(refusals.isDue(74 * second), false, 'the pause has doubled three times');
  refusals.observe(ways(good, `${bad} tcp/80`));
  assert.equal(refusals.isDue(39 * second), false);
  assert.equal(refusals.isDue(40 * second), true);
});

test('a part that is gone is forgotten, and so is one that was accepted', async () => {
  const refusals = new Refusals();
  await find(refusals, ways(good, bad), 0);
  refusals.observe(ways(good));
  assert.equal(refusals.parts.size, 0);
  await find(refusals, ways(good, bad), 0);
  refusals.acceptedWithout(new Set());
  assert.equal(refusals.parts.size, 0);
});

test('if the kernel refuses a path without any part, the reason is another one', async () => {
  const none = async () => false;
  const error = new Error('refused');
  const found = new Refusals().find({ path: ways(good), base: [], error }, none, () => 0);
  await assert.rejects(found, error);
});
