/** What must hold when nothing is left to do: ledger, statuses and pools agree, every reason is true, and nothing is withheld. */
import assert from 'node:assert/strict';
import { countsOf } from '../../../oracle/counts.ts';
import { entriesOf, familyOf, isReserved, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, keyOf, type Service } from '../../../oracle/objects.ts';
import { isTrue, missedBy } from '../../../oracle/reasons.ts';
import { barrierBetween } from '../../../oracle/sharing.ts';
import { isEnding, isLoadBalancer, isOurs, shownBy, wishesOf } from '../../../oracle/wishes.ts';
import type { MemoryCluster } from './cluster.ts';

/** Throws if the rule is broken. */
type Rule = (cluster: Cluster) => void;

/** All rules for the end of a history. */
const restRules: Readonly<Record<string, Rule>> = {
  'every entry in use names Services that show its address and may share it': (cluster) => {
    for (const entry of cluster.entries.filter((one) => !isReserved(one))) {
      const { address } = entry.spec;
      const users = refsOf(entry).map((ref) => {
        // One that is being deleted shows it until it is gone.
        const service = cluster.services.find(({ metadata }) => metadata.uid === ref.uid);
        assert.ok(service && shownBy(service).includes(address), `${keyOf(ref)} has ${address} and does not show it`);
        return service;
      });
      assert.ok(users.length > 0, `${address} belongs to no Service`);
      for (const [i, one] of users.entries()) {
        for (const other of users.slice(i + 1)) {
          const barrier = barrierBetween(one, other);
          const both = `${keyOf(one.metadata)} and ${keyOf(other.metadata)}`;
          assert.equal(barrier, undefined, `${both} share ${address}`);
        }
      }
    }
  },
  'a Service shows the addresses that it has': (cluster) => {
    for (const service of ours(cluster)) {
      const has = entriesOf(cluster, service).map(({ spec }) => spec.address);
      assert.deepEqual([...shownBy(service)].sort(), [...has].sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': (cluster) => {
    for (const service of ours(cluster)) assertReason(service, cluster);
  },
  'no Service waits for an address that it could have': assertNoneMissed,
  'pools count the used and the free addresses': (cluster) => {
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

/** The rules that hold even if other programs write statuses and people delete entries. */
const agreement: Readonly<Record<string, Rule>> = {
  'a Service that has addresses shows them': (cluster) => {
    for (const service of ours(cluster)) {
      const has = ownOf(cluster, service);
      if (has.length > 0) assert.deepEqual([...shownBy(service)].sort(), [...has].sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': (cluster) => {
    for (const service of ours(cluster)) assertReason(service, cluster);
  },
  'no Service waits for an address that it could have': assertNoneMissed,
};

/** Checks a cluster at rest against all rules. */
export function assertRest({ facts }: MemoryCluster): void {
  assertRules(restRules, facts);
}

/** Checks a cluster at rest, with other programs in it, against the rules that hold there too. */
export function assertAgreement({ facts }: MemoryCluster): void {
  assertRules(agreement, facts);
}

function assertRules(rules: typeof restRules, cluster: Cluster): void {
  for (const [rule, check] of Object.entries(rules)) {
    try {
      check(cluster);
    } catch (error) {
      throw new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

/** Checks that the Service's condition is true. */
function assertReason(service: Service, cluster: Cluster): void {
  const condition = service.status?.conditions?.find(({ type }) => type === 'berth.dev/Allocated');
  const { reason = 'none', status } = condition ?? {};
  const name = keyOf(service.metadata);
  const has = ownOf(cluster, service);
  assert.equal(status, has.length > 0 ? 'True' : 'False', `${name} has ${has}`);
  assert.ok(isTrue(reason, { cluster, service }), `${name} has ${has}: ${reason}, ${condition?.message}`);
}

/** The Service's addresses. An address of a former family may stay in the ledger while its status waits for a person. */
function ownOf(cluster: Cluster, service: Service): readonly string[] {
  const { families } = wishesOf(service);
  const entries = entriesOf(cluster, service).filter((entry) => families.includes(familyOf(entry)));
  return entries.map(({ spec }) => spec.address);
}

/** Checks that no Service waits in vain. */
function assertNoneMissed(cluster: Cluster): void {
  for (const service of ours(cluster)) {
    const own = entriesOf(cluster, service).map(({ spec }) => spec.address);
    // A person must decide about an address that it shows and does not have.
    const isOpen = shownBy(service).some((address) => !own.includes(address));
    const missed = isOpen ? undefined : missedBy({ cluster, service });
    assert.equal(missed, undefined, `${keyOf(service.metadata)} could have ${missed}`);
  }
}

function ours(cluster: Cluster): readonly Service[] {
  return cluster.services.filter(
    (service) => isLoadBalancer(service) && !isEnding(service) && isOurs(service, cluster),
  );
}
