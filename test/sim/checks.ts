/** The checks that scenarios make of a cluster. */
import assert from 'node:assert/strict';
import { Cluster, type Plan } from './cluster.ts';

/** Runs a scenario with some seeds. A failure names its seed. */
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

/** Checks the upper limit of a number of milliseconds or objects. */
export function atMost(what: string, actual: number, most: number): void {
  assert.ok(actual <= most, `${what}: ${Math.round(actual)}, at most ${most}`);
}

/** Checks that each VIP has one answer, and that all speakers agree on its holder. */
export function assertSettled(cluster: Cluster): void {
  assert.deepEqual(
    cluster.unsettled(),
    [],
    'VIPs without exactly one answer, or with speakers that disagree on the holder',
  );
}

/** Checks that no VIP moves, is silent or has two answers while this happens. */
export function assertCalm(cluster: Cluster, during: () => void): void {
  const since = cluster.now;
  during();
  assert.equal(cluster.meter.moves(since), 0, 'moves');
  assert.equal(cluster.meter.longestSilence(since), 0, 'silence');
  assert.equal(cluster.meter.mostTwofold(since), 0, 'two answers');
  assertSettled(cluster);
}

/** The node that holds the first VIP. */
export function anyHolder(cluster: Cluster): string {
  return cluster.holderOf('uid-0') ?? assert.fail('uid-0 has no holder');
}

/** Cuts a holder's power. Other nodes must answer for its VIPs within half a second, and the VIPs of other holders must not be touched. */
export function assertTakenOver(cluster: Cluster): void {
  const dead = anyHolder(cluster);
  const others = cluster.uids.filter((uid) => !cluster.heldBy(dead).includes(uid));
  const at = cluster.now;
  cluster.speaker(dead).powerOff();
  cluster.run(2_000);
  atMost('silence', cluster.meter.longestSilence(at), 500);
  atMost('two answers', cluster.meter.mostTwofold(at), 100);
  assert.equal(cluster.meter.longestSilence(at, others), 0, 'silence of the VIPs of other holders');
  assertSettled(cluster);
}
