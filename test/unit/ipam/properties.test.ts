/** Small clusters in which anything happens: what must hold at every moment, and where it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ip, ipFromNumber } from '../../../src/addr/ip.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { planAllocations, settle } from '../../../src/ipam/allocate.ts';
import { isBuggy } from '../../../src/ipam/book.ts';
import { verdictOf } from '../../../src/ipam/choose.ts';
import { explainAllocation } from '../../../src/ipam/explain.ts';
import { poolReports } from '../../../src/ipam/pool-report.ts';
import { askOf } from '../../../src/ipam/requests.ts';
import { areAllCompatible, type Sharer, sharingConflict } from '../../../src/ipam/sharing.ts';
import { fc } from '../../property.ts';
import { ownership } from '../fixtures.ts';
import { Judge } from './invariants.ts';
import { besideOthers, happen, history, type Op } from './ops.ts';
import { outcomes, outcomeText } from './plans.ts';
import { Controller, World } from './world.ts';

const numRuns = Number(process.env.BERTH_RUNS ?? 200);

/** Lets everything happen, under the eyes of the judge. */
function live(
  ops: readonly Op[],
  options = {},
): { readonly world: World; readonly judge: Judge; readonly leader: Controller } {
  const world = new World();
  const judge = new Judge(world, options);
  const leader = new Controller(world, judge);
  const read = () => {
    leader.read();
    return leader;
  };
  const other = new Controller(world, judge);
  ops.forEach((op, i) => {
    try {
      happen(op, { world, leader: read, other });
      judge.moment();
    } catch (error) {
      throw new Error(`op ${i} (${op.op}): ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  });
  return { world, judge, leader };
}

/** Passes until nothing is left to do, as a process that has just started. */
function rest(world: World, judge: Judge): void {
  const fresh = new Controller(world, judge);
  for (let round = 0; round < 8; round++) {
    fresh.read();
    if (fresh.pass() === 0) return;
    judge.moment();
  }
  fresh.read();
  const before = outcomes(planAllocations(world.snapshot()));
  fresh.pass();
  assert.fail(`no end: ${before.join('; ')} then ${outcomes(planAllocations(world.snapshot())).join('; ')}`);
}

/** What the cluster says once nothing is left to do. */
function checkRest(world: World): void {
  const snapshot = world.snapshot();
  const { decisions, binds, releases, strays } = planAllocations(snapshot);
  assert.deepEqual(
    [[...binds.keys()], releases.map(({ entry }) => entry.address), strays],
    [[], [], []],
    'nothing is left to do',
  );
  const shown = new Map(
    decisions.map((decision) => [decision.service.uid, outcomeText(decision).replace(/ .*|^[A-Z].*/, '')]),
  );
  for (const service of world.services.values()) {
    if (!service.isLoadBalancer) continue;
    const addresses = service.ingress.map(({ ip }) => ip).join('+');
    assert.equal(addresses, shown.get(service.uid) ?? '', `${service.key} shows what it has`);
  }
  for (const { address, services, reservedUntil } of world.ledger.values()) {
    if (reservedUntil !== undefined) continue;
    assert.ok(services.length > 0, `${address} is of nobody`);
    for (const { uid } of services) {
      assert.ok(shown.get(uid)?.split('+').includes(address), `${uid} shows ${address}, which it has`);
    }
  }
  for (const decision of decisions) if (decision.kind === 'Refused') checkRefused(world, decision.service);
}

/** A Service that asks for nothing waits only if none of its pools has anything. */
function checkRefused(world: World, service: ServiceView): void {
  const { addresses, sharingKey, fault, families } = askOf(service);
  if (addresses.size > 0 || sharingKey !== undefined || fault) return;
  const { book, table } = settle(world.snapshot());
  // Two addresses of one pool may be one too many for its quota.
  if (service.familyPolicy === 'RequireDualStack' && table.pools.some(({ quota }) => quota !== undefined)) return;
  const taken = new Set<Ip>([...world.ledger.keys(), ...world.nodeAddresses]);
  const has = families.filter((family) =>
    table.open(service).some((pool) => {
      const free = pool.own.some((range) => {
        if (range.family !== family) return false;
        for (let value = range.first; value <= range.last; value++) {
          if (!taken.has(ipFromNumber(value, family)) && !(pool.avoidBuggyIPs && isBuggy(family, value))) return true;
        }
        return false;
      });
      return free && verdictOf({ book, table, service }, pool, family) !== 'QuotaReached';
    }),
  );
  const enough = service.familyPolicy === 'RequireDualStack' ? has.length === families.length : has.length > 0;
  assert.ok(!enough, `${service.key} waits, though there is ${has.join(' and ')}`);
}

test('A8 whatever happens, nothing is given twice, and it comes to an end where ledger and statuses agree', () => {
  fc.assert(
    fc.property(history, (ops) => {
      const { world, judge, leader } = live(ops);
      rest(world, judge);
      checkRest(world);
      leader.read();
      assert.equal(leader.pass(), 0, 'who was there all along finds nothing to do either');
      const snapshot = world.snapshot();
      const anew = structuredClone({ ...snapshot, pools: snapshot.pools, ledger: snapshot.ledger });
      assert.deepEqual(outcomes(planAllocations(anew)), outcomes(planAllocations(snapshot)), 'nothing is remembered');
    }),
    { numRuns },
  );
});

test('E1 E2 beside other programs, and with entries lost, it comes to an end too', () => {
  fc.assert(
    fc.property(besideOthers, (ops) => {
      const { world, judge } = live(ops, { isBesideOthers: true });
      rest(world, judge);
      // Other programs are quiet now.
      world.now += 70_000;
      rest(world, judge);
      const { decisions, binds } = planAllocations(world.snapshot());
      assert.deepEqual([...binds.keys()], []);
      for (const decision of decisions) {
        const { key, ingress, ingressWriters } = decision.service;
        const shown = ingress.map(({ ip }) => ip);
        if (decision.kind === 'Assigned') {
          const has = decision.bindings.map(({ address }) => address);
          assert.deepEqual(shown, has, `${key} shows what it has`);
        } else if (ingressWriters.some(({ manager }) => manager === ownership.writer)) {
          assert.ok(shown.length === 0 || decision.keepsStatus, `${key} shows ${shown}: ${decision.reason}`);
        }
      }
    }),
    { numRuns },
  );
});

test('once time has passed, nothing is kept back', () => {
  fc.assert(
    fc.property(history, (ops) => {
      const { world, judge } = live(ops);
      for (let i = 0; i < 4; i++) {
        rest(world, judge);
        const { nextAt } = planAllocations(world.snapshot());
        const waits = [...world.ledger.values()].some(({ reservedUntil }) => reservedUntil !== undefined);
        assert.equal(nextAt !== undefined, waits, 'somebody looks again when it is time');
        assert.ok(nextAt === undefined || nextAt > world.now, 'and not before');
        if (nextAt === undefined) return;
        world.now = nextAt;
      }
      world.now += 100_000;
      rest(world, judge);
      world.now += 100_000;
      rest(world, judge);
      assert.deepEqual(
        [...world.ledger.values()].filter(({ reservedUntil }) => reservedUntil !== undefined),
        [],
      );
      checkRest(world);
    }),
    { numRuns: numRuns / 2 },
  );
});

test('a lost ledger is written again as it was', () => {
  fc.assert(
    fc.property(history, (ops) => {
      const { world, judge } = live(ops);
      rest(world, judge);
      const shown = () =>
        [...world.services.values()].map(({ key, ingress }) => `${key} ${ingress.map(({ ip }) => ip)}`);
      const before = shown();
      const had = new Set(
        [...world.services.values()].filter(({ ingress }) => ingress.length > 0).map(({ key }) => key),
      );
      world.ledger.clear();
      const { decisions } = planAllocations(world.snapshot());
      for (const decision of decisions) {
        if (!had.has(decision.service.key)) continue;
        const addresses = decision.service.ingress.map(({ ip }) => ip);
        const has = decision.kind === 'Refused' ? [] : decision.bindings.map(({ address }): string => address);
        const keeps =
          decision.kind === 'Refused' ? decision.keepsStatus : addresses.every((one = '') => has.includes(one));
        const wish = askOf(decision.service).addresses.size > 0 || askOf(decision.service).pools.length > 0;
        assert.ok(
          keeps || wish,
          `${decision.service.key} had ${addresses}: ${outcomeText(decision)}; ${before.join(', ')}`,
        );
      }
    }),
    { numRuns: numRuns / 2 },
  );
});

test('to ask whether all can share says what asking every pair says', () => {
  const port = fc.record({ protocol: fc.constantFrom('TCP', 'UDP'), port: fc.nat({ max: 9 }) });
  const sharer: fc.Arbitrary<Sharer> = fc.record({
    key: fc.constantFrom('k', 'k', 'k', 'k', 'l', undefined),
    ports: fc.array(port, { maxLength: 2 }),
    backends: fc.constantFrom('', '', '', '', '[1]'),
  });
  fc.assert(
    fc.property(fc.array(sharer, { minLength: 2, maxLength: 4 }), (sharers) => {
      const isAlright = (a: Sharer, i: number) =>
        sharers.slice(i + 1).every((b) => sharingConflict(a, b) === undefined);
      assert.equal(areAllCompatible(sharers), sharers.every(isAlright));
    }),
  );
});

test('reports and explanations agree with the plan', () => {
  fc.assert(
    fc.property(history, (ops) => {
      const { world } = live(ops);
      const snapshot = world.snapshot();
      const { plan, table, book } = settle(snapshot);
      for (const { counts, pool } of poolReports(table, book)) {
        assert.ok(counts.availableIPv4 >= 0 && counts.availableIPv6 >= 0, `${pool.name}: ${JSON.stringify(counts)}`);
      }
      for (const decision of plan.decisions) {
        const told = explainAllocation(snapshot, decision.service.key);
        assert.equal(told.decision && outcomeText(told.decision), outcomeText(decision));
        const addresses = told.looks.map(({ address }) => address).filter((address) => address !== undefined);
        const has = decision.kind === 'Refused' ? [] : decision.bindings.map(({ address }) => address);
        assert.deepEqual(addresses, has, decision.service.key);
        for (const { pools } of told.looks) assert.equal(pools.length, snapshot.pools.length);
      }
    }),
    { numRuns: numRuns / 2 },
  );
});
