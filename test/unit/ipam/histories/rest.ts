/** What must be so once nothing is left to do: ledger, statuses and pools agree, every reason is true, and nothing is withheld. */
import assert from 'node:assert/strict';
import { countsOf } from '../../../oracle/counts.ts';
import { entriesOf, familyOf, isReserved, livingOf, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, keyOf, type Service } from '../../../oracle/objects.ts';
import { isTrue, missedBy } from '../../../oracle/reasons.ts';
import { barrierBetween } from '../../../oracle/sharing.ts';
import { isLoadBalancer, isOurs, shownBy, wishesOf } from '../../../oracle/wishes.ts';
import { isBarred, withoutEnding } from './known-faults.ts';

/** Throws where it is broken. `facts` has ending Services too. */
type Rule = (cluster: Cluster, facts: Cluster) => void;

/** Every way in which the end of a history can be wrong. */
const restRules: Readonly<Record<string, Rule>> = {
  'every entry in use is of Services that show its address, and that may share it': (cluster) => {
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
  'a Service shows what it has': (cluster) => {
    for (const service of ours(cluster)) {
      const has = entriesOf(cluster, service).map(({ spec }) => spec.address);
      assert.deepEqual([...shownBy(service)].sort(), [...has].sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': (cluster) => {
    for (const service of ours(cluster)) assertReason(cluster, service);
  },
  'no Service waits for what it could have': assertNoneMissed,
  'pools count what is in use and what is free': (cluster) => {
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
  'a Service that has addresses shows them': (cluster) => {
    for (const service of ours(cluster)) {
      const has = entriesOf(cluster, service).map(({ spec }) => spec.address);
      if (has.length > 0) assert.deepEqual([...shownBy(service)].sort(), has.sort(), keyOf(service.metadata));
    }
  },
  'every reason is true': (cluster) => {
    for (const service of ours(cluster)) assertReason(cluster, service);
  },
  'no Service waits for what it could have': assertNoneMissed,
};

/** Holds a cluster at rest against all rules. */
export function assertRest(facts: Cluster): void {
  assertRules(restRules, facts);
}

/** Holds a cluster at rest, beside other programs, against what must be so there too. */
export function assertAgreement(facts: Cluster): void {
  assertRules(agreement, facts);
}

function assertRules(rules: typeof restRules, facts: Cluster): void {
  const cluster = withoutEnding(facts);
  for (const [rule, check] of Object.entries(rules)) {
    try {
      check(cluster, facts);
    } catch (error) {
      throw new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

/** The condition of the Service says what is so. */
function assertReason(cluster: Cluster, service: Service): void {
  const condition = service.status?.conditions?.find(({ type }) => type === 'berth.dev/Allocated');
  const { reason = 'none', status } = condition ?? {};
  const name = keyOf(service.metadata);
  const { families } = wishesOf(service);
  // One of a family that the Service has no more may be there still, while another program's status shows it.
  const entries = entriesOf(cluster, service).filter((entry) => families.includes(familyOf(entry)));
  const has = entries.map(({ spec }) => spec.address);
  assert.equal(status, has.length > 0 ? 'True' : 'False', `${name} has ${has}`);
  assert.ok(isTrue(reason, { cluster, service }), `${name} has ${has}: ${reason}, ${condition?.message}`);
}

/** What an ending Service still shows may well be withheld. */
function assertNoneMissed(cluster: Cluster, facts: Cluster): void {
  for (const service of ours(cluster)) {
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
