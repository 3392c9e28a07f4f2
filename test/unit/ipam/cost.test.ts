/** What a pass costs: counted reads of Services and of entries, and looks at shared addresses. No time is measured. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { AllocationView, ServiceRef } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import { Sharers } from '../../../src/ipam/sharing.ts';
import { entry, pool, refTo, service, serviceIn } from '../fixtures.ts';
import { outcomeText, showing, shownByOther, snapshotOf } from './plans.ts';

const key = { sharingKey: 'k' };
const tcp = (...ports: readonly number[]) => ({ ports: ports.map((port) => ({ protocol: 'TCP', port })) });
const wide = pool('p', ['10.0.0.0/16', '2001:db8::/112']);
const address = (i: number) => `10.0.${(i >> 8) + 1}.${i & 255}`;

/** Services of one namespace. */
function services(count: number, facts: (i: number) => Partial<ServiceView>): readonly ServiceView[] {
  return Array.from({ length: count }, (_, i) => service(`s${String(i).padStart(5, '0')}`, facts(i)));
}

/** The entries of these Services, which share each address by this number. */
function entriesOf(all: readonly ServiceView[], together: number): readonly AllocationView[] {
  const groups = Array.from({ length: Math.ceil(all.length / together) }, (_, i) =>
    all.slice(i * together, (i + 1) * together),
  );
  return groups.map((group, i) => {
    const [first = assert.fail()] = group;
    return entry(address(i), first, { sharingKey: 'default/k', services: group.map(refTo) });
  });
}

/** What one namespace creates: this many Services, and what the ledger has for them. */
const shapes: Readonly<Record<string, (count: number) => Partial<Snapshot>>> = {
  'equal ports': (count) => ({ services: services(count, () => key) }),
  'different ports': (count) => ({ services: services(count, (i) => ({ ...key, ...tcp(i + 1) })) }),
  'one port in common': (count) => ({ services: services(count, (i) => ({ ...key, ...tcp(i + 1_000, 80) })) }),
  'ports that meet only in pairs': (count) => ({
    services: services(count, (i) => ({ ...key, ...(i < count / 2 ? tcp(1, 2 + (i % 2)) : tcp(2, 3)) })),
  }),
  'different selectors, Local': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1), local: true, selector: `[["a","${i}"]]` })),
  }),
  'one requested address': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1), requests: ['10.0.0.9'] })),
  }),
  'a quota that is reached': (count) => ({
    services: services(count, () => key),
    pools: [pool('p', ['10.0.0.0/16'], { quota: 5 })],
  }),
  'an address for all, and a quota': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1) })),
    pools: [pool('p', ['10.0.0.0/16'], { quota: 5 })],
  }),
  'both families': (count) => ({
    services: services(count, () => ({ ...key, families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack' })),
    pools: [pool('p', ['10.0.0.0/16'])],
  }),
  'all created again': (count) => {
    const former = services(count, () => key);
    return { services: former.map((one) => ({ ...one, uid: `${one.uid}-2` })), ledger: entriesOf(former, 1) };
  },
  'all changed, so that none can share': (count) => {
    const former = services(count, (i) => ({ ...key, ...tcp(i + 1), ...showing(address(i >> 7)) }));
    return { services: former.map((one) => ({ ...one, ...tcp(1) })), ledger: entriesOf(former, 128) };
  },
  'nothing to do': (count) => {
    const all = services(count, (i) => ({ ...key, ...tcp(i + 1), ...showing(address(i >> 7)) }));
    return { services: all, ledger: entriesOf(all, 128) };
  },
  'another pool requested': (count) => {
    const former = services(count, () => key);
    return {
      services: former.map((one) => ({ ...one, requestedPools: ['q'] })),
      ledger: entriesOf(former, 1),
      pools: [wide, pool('q', ['10.1.0.0/16'])],
    };
  },
  'one address in all statuses': (count) => ({ services: services(count, () => ({ ...key, ...showing(address(0)) })) }),
};

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

/** Services that cannot be served, each for another reason, `each` of every sort. */
function badServices(each: number): readonly ServiceView[] {
  const throws = (facts: Partial<ServiceView>, field: keyof ServiceView) => (name: string) =>
    Object.defineProperty(serviceIn('bad', name, facts), field, { get: () => assert.fail('no value') });
  const plain = (facts: Partial<ServiceView>) => (name: string) => serviceIn('bad', name, facts);
  const sorts: readonly ((name: string) => ServiceView)[] = [
    plain({ requests: ['nonsense'] }),
    plain({ requests: ['10.0.0.1', '10.0.0.2'] }),
    plain({ requests: ['192.0.2.1'] }),
    plain({ requests: [address(0)] }),
    plain({ requestedPools: ['none'] }),
    plain({ sharingKey: 'good,other/k' }),
    plain({ families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack', requestedPools: ['four'] }),
    plain(showing(address(0))),
    plain(shownByOther(address(0))),
    plain({ ingress: [{ hostname: 'host.example' }] }),
    throws({}, 'ports'),
    throws({ requests: ['10.0.0.200'] }, 'familyPolicy'),
    throws({}, 'requestedPools'),
  ];
  return sorts.flatMap((make, sort) => Array.from({ length: each }, (_, i) => make(`sort-${sort}-${i}`)));
}

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
