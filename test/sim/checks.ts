/** What scenarios ask of a cluster. */
import assert from 'node:assert/strict';
import { Cluster, type Plan } from './cluster.ts';

/** Runs a scenario for some seeds. A failure names its seed. */
export function forSeeds(count: number, plan: Omit<Plan, 'seed'>, scenario: (cluster: Cluster) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    const cluster = new Cluster({ ...plan, seed });
    try {
      scenario(cluster);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** A bound on a number of milliseconds or of things. */
export function atMost(what: string, actual: number, most: number): void {
  assert.ok(actual <= most, `${what}: ${Math.round(actual)}, at most ${most}`);
}

/** One answer for each VIP, and one opinion of its holder. */
export function assertSettled(cluster: Cluster): void {
  assert.deepEqual(cluster.unsettled(), [], 'one answer for each VIP, and one opinion of its holder');
}

/** Nothing moves, nothing is silent, nothing is answered for twice while this happens. */
export function assertCalm(cluster: Cluster, during: () => void): void {
  const since = cluster.now;
  during();
  assert.equal(cluster.meter.moves(since), 0, 'moves');
  assert.equal(cluster.meter.longestSilence(since), 0, 'silence');
  assert.equal(cluster.meter.mostTwofold(since), 0, 'two answers');
  assertSettled(cluster);
}

/** A node that holds something. */
export function anyHolder(cluster: Cluster): string {
  return cluster.holderOf('uid-0') ?? assert.fail('uid-0 has no holder');
}

/** A holder loses its power: its VIPs are answered for within half a second, and those of the others are not touched. */
export function assertTakenOver(cluster: Cluster): void {
  const dead = anyHolder(cluster);
  const others = cluster.uids.filter((uid) => !cluster.heldBy(dead).includes(uid));
  const at = cluster.now;
  cluster.speaker(dead).powerOff();
  cluster.run(2_000);
  atMost('silence', cluster.meter.longestSilence(at), 500);
  atMost('two answers', cluster.meter.mostTwofold(at), 100);
  assert.equal(cluster.meter.longestSilence(at, others), 0, 'the VIPs of the others are not touched');
  assertSettled(cluster);
}
