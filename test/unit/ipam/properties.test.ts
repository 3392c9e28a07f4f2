/** Random histories of small clusters, with the program's own controllers: what holds at every moment, and the state at the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import { explainAllocation } from '../../../src/ipam/explain.ts';
import { poolReports } from '../../../src/ipam/pool-report.ts';
import { isReserved } from '../../oracle/ledger.ts';
import { keyOf } from '../../oracle/objects.ts';
import { isEnding, shownBy, wishesOf } from '../../oracle/wishes.ts';
import { fc } from '../../property.ts';
import { type Life, lived } from './histories/live.ts';
import { besideOthers, history } from './histories/ops.ts';
import { assertAgreement, assertRest } from './histories/rest.ts';
import { outcomeText } from './plans.ts';

const numRuns = Number(process.env.BERTH_RUNS ?? 150);

/** Longer than the minute after which other programs count as quiet. */
const quietMs = 70_000;

test('whatever happens, no address is given twice, and in the end ledger, statuses and reasons agree', async () => {
  const property = fc.asyncProperty(history, (ops) =>
    lived({ look: assertPlain }, async (life) => {
      await life.happen(ops);
      await life.rest();
      assertRest(life.cluster);
      const leader = await life.leader();
      assert.equal((await leader.pass()).writes, 0, 'a replica that was there all along finds nothing to do either');
    }),
  );
  await fc.assert(property, { numRuns });
});

test('with other programs and lost entries, the controller comes to rest too', async () => {
  const property = fc.asyncProperty(besideOthers, (ops) =>
    lived({ isBesideOthers: true }, async (life) => {
      await life.happen(ops);
      await life.rest();
      life.cluster.wait(quietMs);
      await life.rest();
      assertAgreement(life.cluster);
    }),
  );
  await fc.assert(property, { numRuns });
});

test('after enough time no address is kept back, and a lost ledger is restored as it was', async () => {
  const property = fc.asyncProperty(history, (ops) =>
    lived({}, async (life) => {
      await life.happen(ops);
      await waited(life);
      assertRest(life.cluster);
      await assertLedgerComesBack(life);
    }),
  );
  await fc.assert(property, { numRuns: numRuns / 2 });
});

/** Waits until no address is kept back, at the times that the controller itself asks for. */
async function waited({ cluster, rest }: Life): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const { dueInMs } = await rest();
    const isWaiting = cluster.facts.entries.some(isReserved);
    assert.equal(dueInMs !== undefined, isWaiting, 'another pass is due if an address is kept back');
    if (dueInMs === undefined) return;
    assert.ok(dueInMs > 0, 'the next pass is due in the future');
    cluster.wait(dueInMs);
  }
  assert.fail('an address is kept back for ever');
}

/** Deletes the whole ledger. Then every Service gets back the address that it shows, or the one that it asks for instead. */
async function assertLedgerComesBack({ cluster, judge, rest }: Life): Promise<void> {
  const before = new Map(cluster.facts.services.map((service) => [service.metadata.uid, shownBy(service)]));
  for (const { spec } of cluster.facts.entries) cluster.lose(spec.address);
  judge.isLedgerWhole = false;
  await rest();
  for (const service of cluster.facts.services.filter((one) => !isEnding(one))) {
    const had = before.get(service.metadata.uid) ?? [];
    const { addresses, pools } = wishesOf(service);
    const keeps = had.every((address) => shownBy(service).includes(address));
    assert.ok(keeps || addresses.size > 0 || pools.length > 0, `${keyOf(service.metadata)} had ${had}`);
  }
}

/** The leader's next decision depends only on its snapshot, and can be explained. */
function assertPlain(known: Snapshot): void {
  assertSameInAnyOrder(known);
  assertExplained(known);
  const { table, ledger } = settle(known);
  for (const { counts, pool } of poolReports(table, ledger)) {
    assert.ok(counts.availableIPv4 >= 0 && counts.availableIPv6 >= 0, `${pool.name}: ${JSON.stringify(counts)}`);
  }
}

/** The same objects, copied and in another order, give the same plan: no memory and no order matters. */
function assertSameInAnyOrder(known: Snapshot): void {
  const turned = <T>(items: readonly T[]) => structuredClone([...items.slice(1), ...items.slice(0, 1)].reverse());
  const { pools, namespaces, services, ledger } = known;
  const other = {
    ...{ pools: turned(pools), namespaces: turned(namespaces) },
    ...{ services: turned(services), ledger: turned(ledger) },
  };
  assert.deepEqual(canonical(settle({ ...known, ...other }).plan), canonical(settle(known).plan));
}

/** The explanation agrees with the decision. */
function assertExplained(known: Snapshot): void {
  for (const decision of settle(known).plan.decisions) {
    const told = explainAllocation(known, decision.service.key);
    assert.equal(told.decision && outcomeText(told.decision), outcomeText(decision));
    const addresses = told.looks.map(({ address }) => address).filter((address) => address !== undefined);
    const has = decision.kind === 'Refused' ? [] : decision.bindings.map(({ address }) => address);
    assert.deepEqual(addresses, has, decision.service.key);
    for (const { pools } of told.looks) assert.equal(pools.length, known.pools.length);
  }
}

/** A plan in a fixed order, where the order has no meaning. */
function canonical({ decisions, binds, releases, strays, nextAt }: Plan): unknown {
  const sorted = <T>(items: readonly T[], by: (item: T) => string) =>
    [...items].sort((a, b) => (by(a) < by(b) ? -1 : 1));
  return {
    decisions: sorted(
      decisions.map(({ service, ...rest }) => ({ key: service.key, ...rest })),
      ({ key }) => key,
    ),
    binds: sorted([...binds.values()], ({ spec }) => spec.address),
    releases: sorted(releases, ({ entry }) => entry.address),
    strays: sorted(
      strays.map(({ key }) => key),
      (key) => key,
    ),
    nextAt,
  };
}
