/** A change of one Service, or of the pools, takes no address from any other Service. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolView } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import type { Snapshot } from '../../../src/ipam/allocate.ts';
import { fc } from '../../property.ts';
import { pool, serviceIn } from '../fixtures.ts';
import { again, plan, shown } from './plans.ts';

const numRuns = Number(process.env.BERTH_RUNS ?? 2_000);

const facts: fc.Arbitrary<Partial<ServiceView>> = fc.record(
  {
    sharingKey: fc.constantFrom('k', 'k', 'a,b/k', 'a,b/k', undefined),
    ports: fc.uniqueArray(fc.constantFrom(...[80, 443, 25, 53].map((port) => ({ protocol: 'TCP', port }))), {
      minLength: 1,
      maxLength: 2,
    }),
    local: fc.boolean(),
    selector: fc.constantFrom('[]', '[["app","web"]]', '[["app","mail"]]'),
    families: fc.constantFrom(['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
    requests: fc.constantFrom([], [], [], ['192.0.2.2'], ['nonsense']),
    requestedPools: fc.constantFrom([], [], ['p'], ['p', 'q'], ['q'], ['r']),
  },
  { requiredKeys: ['sharingKey', 'ports'] },
) as fc.Arbitrary<Partial<ServiceView>>;

const names = [
  ['a', 's'],
  ['a', 't'],
  ['b', 'u'],
  ['a', 'v'],
] as const;

const services = fc.array(facts, { minLength: 2, maxLength: names.length }).map((all) =>
  all.map((some, i) => {
    const [namespace, name] = names[i] ?? assert.fail();
    return serviceIn(namespace, name, { ...some, created: `202${i}-01-01T00:00:00Z` });
  }),
);

const whole = [
  pool('p', ['192.0.2.1-192.0.2.6', '2001:db8::1-2001:db8::6']),
  pool('q', ['198.51.100.1-198.51.100.3', '2001:db8:1::1']),
];

/** What an administrator may make of the pools. */
const changedPools: readonly (readonly PoolView[])[] = [
  whole,
  [
    pool('p', ['192.0.2.4-192.0.2.6']),
    pool('new', ['192.0.2.1-192.0.2.3', '2001:db8::1-2001:db8::6']),
    ...whole.slice(1),
  ],
  [pool('new', ['192.0.2.1-192.0.2.6', '2001:db8::1-2001:db8::6']), ...whole.slice(1)],
  whole.slice(1),
  whole.map((one) => ({ ...one, state: 'Draining' as const })),
  whole.map((one) => ({ ...one, quota: 0 })),
  [],
];

/** The addresses of each Service by uid, of those that have all that they request. */
function addressesOf(given: Partial<Snapshot>): ReadonlyMap<string, readonly string[]> {
  const served = plan(given).decisions.flatMap((decision) => {
    if (decision.kind === 'Refused' || decision.reason !== 'Allocated') return [];
    return [[decision.service.uid, decision.bindings.map(({ address }) => address)] as const];
  });
  return new Map(served);
}

/** A cluster in which nothing is left to do. */
function atRest(all: readonly ServiceView[]): Partial<Snapshot> {
  return shown(shown({ pools: whole, services: all }));
}

test('whatever one Service is changed to, no other one loses its address', () => {
  const changes = fc.tuple(services, facts, fc.nat(), fc.boolean());
  fc.assert(
    fc.property(changes, ([all, change, which, isNew]) => {
      const before = atRest(all);
      const old = new Map(addressesOf(before));
      const at = which % all.length;
      const changed = (before.services ?? []).map((service, i) => {
        if (i !== at) return service;
        return isNew ? again(service, change) : { ...service, ...change };
      });
      const now = addressesOf({ ...before, services: changed });
      old.delete(all[at]?.uid ?? '');
      for (const [uid, had] of old) assert.deepEqual(now.get(uid), had, uid);
    }),
    { numRuns },
  );
});

test('whatever becomes of the pools, no Service loses its address', () => {
  fc.assert(
    fc.property(services, fc.constantFrom(...changedPools), (all, pools) => {
      const before = atRest(all);
      const old = addressesOf(before);
      for (const decision of plan({ ...before, pools }).decisions) {
        const has = decision.kind === 'Assigned' ? decision.bindings.map(({ address }) => address) : [];
        const had = old.get(decision.service.uid);
        if (had) assert.deepEqual(has, had, `${decision.service.key}: ${decision.reason}`);
      }
    }),
    { numRuns },
  );
});
