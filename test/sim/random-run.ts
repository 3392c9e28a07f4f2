/** One cluster with random faults, which are then healed. Measures the outages before and after the heal, and checks that it settles. */
import { Cluster } from './cluster.ts';
import { breakSomething, type FaultName } from './faults.ts';
import { Random } from './random.ts';

/** The outcome of a run. Times are in milliseconds. Times after the heal count from the heal. */
export interface Outcome {
  readonly seed: number;
  readonly plan: string;
  readonly log: readonly string[];
  /** The faults. */
  readonly faults: ReadonlySet<FaultName>;
  /** Whether every VIP had one holder on which all speakers agreed when the first fault came. Some clusters still start at that time. */
  readonly wasSettled: boolean;
  /** The longest times before the heal: without an answer, for a VIP that had one before, and with two answers. */
  readonly meanwhile: { readonly silentMs: number; readonly twofoldMs: number };
  /** The longest times of any VIP after the heal: without an answer, and with two answers. */
  readonly silentMs: number;
  readonly twofoldMs: number;
  /** The time until the last VIP had exactly one answer again. */
  readonly settledMs: number;
  /** VIPs that did not settle. */
  readonly unsettled: readonly string[];
  readonly moves: number;
  readonly disputes: number;
}

/** Runs the cluster of a seed. */
export function randomRun(seed: number): Outcome {
  const random = new Random(seed + 0x5eed);
  const nodes = random.pick([2, 2, 3, 3, 4, 5, 6]);
  const cabling = random.pick(['One', 'Apart'] as const);
  const links = random.chance(0.2) ? ['eth0', 'eth1'] : ['eth0'];
  const vips = 1 + random.below(12);
  const cluster = new Cluster({ seed, nodes, vips, cabling, links });
  const bootMs = random.pick([100, 1_000, 3_000]);
  cluster.boot({ withinMs: bootMs, settleMs: random.between(500, 4_000) });
  const { meter } = cluster;
  const answered = cluster.uids.filter((uid) => meter.macsOf(uid).length > 0);
  const wasSettled = cluster.unsettled().length === 0;
  const brokenAt = cluster.now;
  const log: string[] = [];
  const faults = new Set<FaultName>();
  for (let left = 1 + random.below(6); left > 0; left--) {
    const { name, what } = breakSomething(cluster);
    faults.add(name);
    log.push(what);
    cluster.run(random.between(10, random.pick([300, 1_500, 5_000])));
  }
  // The cluster is whole when its last speaker has started: a speaker that starts after the heal needs time of its own.
  cluster.run(Math.max(0, bootMs - cluster.now));
  const meanwhile = {
    silentMs: meter.longestSilence(brokenAt, answered),
    twofoldMs: meter.longestTwofold(brokenAt),
  };
  const healedAt = cluster.now;
  cluster.heal();
  revive(cluster, random);
  cluster.run(12_000);
  return {
    seed,
    plan: `${nodes} nodes, ${vips} VIPs, links ${links.join(' ')}, cabling ${cabling}, healed at ${Math.round(healedAt)}`,
    ...{ log, faults, wasSettled, meanwhile },
    silentMs: meter.longestSilence(healedAt),
    twofoldMs: meter.mostTwofold(healedAt),
    settledMs: meter.lastChange(healedAt) - healedAt,
    unsettled: cluster.unsettled(),
    moves: meter.moves(0),
    disputes: meter.disputes(0),
  };
}

/** Wakes all paused speakers. A node may stay dead as long as every VIP has an eligible node that runs. */
function revive(cluster: Cluster, random: Random): void {
  for (const name of cluster.names) {
    cluster.api.setNode(name, { draining: false });
    cluster.speaker(name).workerAgeMs = 0;
    cluster.speaker(name).wake();
  }
  for (const { uid, eligible } of cluster.api.snapshot.vips) {
    const living = [...eligible].filter((name) => cluster.speaker(name).isRunning);
    if (living.length > 0 && random.chance(0.7)) continue;
    for (const name of eligible) cluster.speaker(name).start({ remembers: true });
    if (eligible.size === 0) cluster.setEligible(uid, cluster.names);
  }
}
