/** IPAllocations that were edited by hand, by another schema or none: each costs only itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AllocationSpec,
  type AllocationView,
  parseAllocation,
  type RawAllocation,
} from '../../../src/api/allocation.ts';
import { fc } from '../../property.ts';
import { pool, service } from '../fixtures.ts';
import { decisionOf, outcomes, plan, releases, showing } from '../ipam/plans.ts';

const pools = [pool('p', ['192.0.2.1-192.0.2.9'], { quota: 5, retainMs: 1_000, reuseAfterMs: 1_000 })];
const good = { namespace: 'default', name: 'a', uid: 'uid-a', ports: [{ protocol: 'TCP', port: 80 }] };
const whole: AllocationSpec = { address: '192.0.2.1', pool: 'p', services: [good] };

function read(fields: object): AllocationView | undefined {
  const metadata = { name: '192.0.2.1', uid: 'uid-1', resourceVersion: '1' };
  return parseAllocation({ metadata, spec: whole, ...fields } as RawAllocation);
}

/** Anything that JSON can express. */
const junk = fc.oneof(fc.jsonValue(), fc.constant(undefined));
const ref = fc.oneof(
  junk,
  fc.record({
    ...{ namespace: fc.oneof(fc.constant('default'), junk), name: fc.oneof(fc.constant('a'), junk) },
    ...{ uid: fc.oneof(fc.constant('uid-a'), junk), ports: fc.oneof(fc.array(junk), junk), backends: junk },
    requestedPools: fc.oneof(fc.array(junk), junk),
  }),
);
const spec = fc.record({
  ...{ address: fc.oneof(fc.constant('192.0.2.1'), junk), pool: fc.oneof(fc.constant('p'), junk) },
  ...{ services: fc.oneof(fc.array(ref), junk), sharingKey: junk, reservedUntil: junk, formerNamespaces: junk },
  ...{ adopted: junk, quarantine: fc.oneof(fc.record({ service: ref, reason: junk, message: junk }), junk) },
});
const status = fc.record({
  ...{ holder: fc.oneof(fc.record({ node: junk, term: junk, links: fc.oneof(fc.array(junk), junk) }), junk) },
  ...{ conflict: junk, conditions: fc.oneof(fc.array(junk), junk) },
});

test('whatever an entry holds, all other Services get their addresses', () => {
  const property = fc.property(fc.oneof(spec, junk), fc.oneof(status, junk), (someSpec, someStatus) => {
    const entry = read({ spec: someSpec, status: someStatus });
    const other = service('b', { created: '2027-01-01T00:00:00Z' });
    const of = plan({ pools, services: [service('a'), other], ledger: entry ? [entry] : [], now: 10_000 });
    assert.deepEqual(of.errors, new Map());
    assert.equal(decisionOf(of, 'b').kind, 'Assigned');
    for (const { spec: written } of of.binds.values()) assert.ok(written.services.length > 0);
  });
  fc.assert(property, { numRuns: 500 });
});

test('an entry that cannot be read keeps its address, and nothing else', () => {
  const broken = read({ spec: { ...whole, address: '192.0.2.7' } }) ?? assert.fail('no view');
  const of = plan({ pools, services: [service('a')], ledger: [broken] });
  assert.deepEqual([outcomes(of), releases(of)], [['a 192.0.2.2'], []]);
  const shows = service('a', showing('192.0.2.1'));
  const kept = plan({ pools, services: [shows], ledger: [broken] });
  assert.deepEqual(outcomes(kept), ['a AddressReserved, keeps status']);
  assert.match(
    decisionOf(kept, 'a').message,
    /cannot be read: spec\.address is "192\.0\.2\.7", but must be 192\.0\.2\.1$/,
  );
});

test('of an entry, what cannot be read is left out, and written again', () => {
  const fields: readonly [string, object][] = [
    ['no ports', { ports: null }],
    ['a port that is none', { ports: [{ protocol: 'TCP', port: 70_000 }] }],
    ['too many ports', { ports: Array.from({ length: 20_000 }, () => ({ protocol: 'TCP', port: 80 })) }],
    ['pools that are no texts', { requestedPools: [1] }],
  ];
  for (const [desc, field] of fields) {
    const entry = read({ spec: { ...whole, services: [{ ...good, ...field }] } }) ?? assert.fail('no view');
    const of = plan({ pools, services: [service('a', showing('192.0.2.1'))], ledger: [entry] });
    assert.deepEqual(outcomes(of), ['a 192.0.2.1'], desc);
    const [bind] = of.binds.values();
    if ('ports' in field) assert.deepEqual(bind?.spec.services, [good], desc);
  }
  const nameless = read({ spec: { ...whole, services: [{ name: 'a' }, null, good] } }) ?? assert.fail('no view');
  assert.deepEqual(nameless.services, [good]);
});
