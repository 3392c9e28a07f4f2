/** What must be so once nothing is left to do: ledger, statuses and pools agree, every reason is true, and nothing is withheld. */
import assert from 'node:assert/strict';
import { countsOf } from '../../../oracle/counts.ts';
import { entriesOf, familyOf, isReserved, livingOf, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, keyOf, type Service } from '../../../oracle/objects.ts';
import { isTrue, missedBy } from '../../../oracle/reasons.ts';
import { barrierBetween } from '../../../oracle/sharing.ts';
import { isLoadBalancer, isOurs, shownBy, wishesOf } from '../../../oracle/wishes.ts';
import type { MemoryCluster } from './cluster.ts';
import type { Judge } from './judge.ts';
import { isBarred, isCrowded, isLeftToOthers, withoutEnding } from './known-faults.ts';

/** The cluster without ending Services, all of it, and which Services a known fault has touched. */
interface Rest {
  readonly cluster: Cluster;
  readonly facts: Cluster;
  readonly isExcused: (service: Service) => boolean;
}

/** Throws where it is broken. */
type Rule = (rest: Rest) => void;

/** Every way in which the end of a history can be wrong. */
const restRules: Readonly<Record<string, Rule>> = {
  'every entry in use is of Services that show its address, and that may share it': ({ cluster }) => {
    for (const entry of cluster.entries.filter((one) => !isReserved(one))) {
      const { address } = entry.spec;
      const users = refsOf(entry).map((ref) => {
        const service = livingOf(cluster, ref);
        assert.ok(service && shownBy(service).includes(address), `${keyOf(ref)} has ${address} and does not show it`);
        return service;
      });
      assert.ok(users.length > 0, `${address} is of no Service`);
      for (const [i, one] of users.entries()) {
        for (const other of users.slice(i + 1)) {
          const barrier = barrierBetween(one, other);
          const both = `${keyOf(one.metadata)} and ${keyOf(other.metadata)}`;
          assert.ok(!isBarred(barrier), `${both} share ${address}: ${barrier}`);
        }
      }
    }
  },
  'a Service shows what it has': ({ cluster, isExcused }) => {
    for (const service of ours(cluster).filter((one) => !isExcused(one))) {
      const has = entriesOf(cluster, service).map(({ spec }) => spec.address);
      assert.deepEqual([...shownBy(service)].sort(), [...has].sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': ({ cluster, facts }) => {
    for (const service of ours(cluster)) assertReason(service, cluster, facts);
  },
  'no Service waits for what it could have': assertNoneMissed,
  'pools count what is in use and what is free': ({ cluster }) => {
    for (const pool of cluster.pools) {
      const { assignedIPv4, assignedIPv6, availableIPv4, availableIPv6 } = pool.status ?? {};
      const [four, six] = [countsOf(cluster, pool, 'IPv4'), countsOf(cluster, pool, 'IPv6')];
      assert.deepEqual(
        { assignedIPv4, assignedIPv6, availableIPv4, availableIPv6 },
        {
          ...{ assignedIPv4: four.assigned, assignedIPv6: six.assigned },
          ...{ availableIPv4: Number(four.available), availableIPv6: Number(six.available) },
        },
        pool.metadata.name,
      );
    }
  },
};

/** What must be so even where other programs write statuses, and people delete entries. */
const agreement: Readonly<Record<string, Rule>> = {
  'a Service that has addresses shows them': ({ cluster }) => {
    for (const service of ours(cluster)) {
      const has = ownOf(cluster, service);
      if (has.length > 0) assert.deepEqual([...shownBy(service)].sort(), [...has].sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': ({ cluster, facts }) => {
    for (const service of ours(cluster)) assertReason(service, cluster, facts);
  },
  'no Service waits for what it could have': assertNoneMissed,
};

/** Holds a cluster at rest against all rules. */
export function assertRest({ facts }: MemoryCluster, { isExcused }: Judge): void {
  assertRules(restRules, { facts, isExcused });
}

/** Holds a cluster at rest, beside other programs, against what must be so there too. */
export function assertAgreement({ facts }: MemoryCluster, { isExcused }: Judge): void {
  assertRules(agreement, { facts, isExcused });
}

function assertRules(rules: typeof restRules, { facts, isExcused }: Omit<Rest, 'cluster'>): void {
  const rest = { cluster: withoutEnding(facts), facts, isExcused };
  for (const [rule, check] of Object.entries(rules)) {
    try {
      check(rest);
    } catch (error) {
      throw new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

/** The condition of the Service says what is so. What ending Services show may count or not. */
function assertReason(service: Service, ...views: readonly Cluster[]): void {
  const condition = service.status?.conditions?.find(({ type }) => type === 'berth.dev/Allocated');
  const { reason = 'none', status } = condition ?? {};
  const name = keyOf(service.metadata);
  const has = [...new Set(views.flatMap((cluster) => ownOf(cluster, service)))];
  assert.equal(status, has.length > 0 ? 'True' : 'False', `${name} has ${has}`);
  const isSo = views.some((cluster) => isTrue(reason, { cluster, service }));
  assert.ok(isSo, `${name} has ${has}: ${reason}, ${condition?.message}`);
}

/** The addresses that it has. One of a family that it has no more may be in the ledger while its status waits for a person. */
function ownOf(cluster: Cluster, service: Service): readonly string[] {
  if (isLeftToOthers(cluster, service)) return [];
  const { families } = wishesOf(service);
  const entries = entriesOf(cluster, service).filter((entry) => families.includes(familyOf(entry)));
  return entries.map(({ spec }) => spec.address);
}

/** What an ending Service still shows may well be withheld. */
function assertNoneMissed({ cluster, facts }: Rest): void {
  for (const service of ours(cluster)) {
    if (isLeftToOthers(cluster, service) || isCrowded(facts, service)) continue;
    const own = entriesOf(cluster, service).map(({ spec }) => spec.address);
    // Of what it shows and does not have a person decides.
    const isOpen = shownBy(service).some((address) => !own.includes(address));
    const missed = isOpen ? undefined : missedBy({ cluster: facts, service });
    assert.equal(missed, undefined, `${keyOf(service.metadata)} could have ${missed}`);
  }
}

function ours(cluster: Cluster): readonly Service[] {
  return cluster.services.filter((service) => isLoadBalancer(service) && isOurs(service, cluster));
}
