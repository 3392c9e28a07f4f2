/** What a pass costs: counted reads of Services and of entries, and looks at shared addresses. No time is measured. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { ServiceRef } from '../../../src/api/entry-fields.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import { Sharers } from '../../../src/ipam/sharing.ts';
import { pool } from '../fixtures.ts';
import { outcomeText, showing, snapshotOf } from './plans.ts';
import { address, badServices, entriesOf, services, shapes, wide } from './shapes.ts';

/** Counts how often a pass reads any field of these Services, and of the Services that entries name, and looks at a shared address. */
function readsIn(given: Partial<Snapshot>): { readonly reads: number; readonly outcomes: ReadonlyMap<string, string> } {
  let reads = 0;
  const counted = <T extends ServiceView | ServiceRef>(of: T): T =>
    new Proxy(of, {
      get(object, field) {
        reads += 1;
        return Reflect.get(object, field);
      },
    });
  const ledger = (given.ledger ?? []).map((one) => ({ ...one, services: one.services.map(counted) }));
  const all = (given.services ?? []).map(counted);
  const looks = mock.method(Sharers.prototype, 'usedPort');
  const { decisions } = settle(snapshotOf({ pools: [wide], ...given, services: all, ledger })).plan;
  looks.mock.restore();
  const seen = reads + looks.mock.callCount();
  return { reads: seen, outcomes: new Map(decisions.map((one) => [one.service.key, outcomeText(one)])) };
}

test('what a pass costs for each Service does not depend on how many Services one namespace creates', () => {
  for (const [desc, shape] of Object.entries(shapes)) {
    const [few, many] = [100, 800].map((count) => Math.round(readsIn(shape(count)).reads / count));
    assert.ok(
      few && many && many <= 1.3 * few,
      `${desc}: ${few} reads for each of 100 Services, ${many} for each of 800`,
    );
  }
});

test('Services that cannot be served cost the others nothing, and change nothing for them', () => {
  const pools = [wide, pool('four', ['10.9.0.1-10.9.0.9'], { autoAssign: false })];
  const kept = services(900, (i) => showing(address(i)));
  const coming = services(1_000, () => ({})).slice(900);
  const good = { pools, services: [...kept, ...coming], ledger: entriesOf(kept, 1) };
  const alone = readsIn(good);
  const bad = badServices(10);
  const beside = readsIn({ ...good, services: [...bad, ...good.services] });
  for (const [name, outcome] of alone.outcomes) assert.equal(beside.outcomes.get(name), outcome, name);
  const most = 150 * bad.length;
  assert.ok(beside.reads - alone.reads <= most, `${bad.length} bad Services cost ${beside.reads - alone.reads} reads`);
  assert.equal(beside.outcomes.size, alone.outcomes.size + bad.length, 'each has a decision');
});
