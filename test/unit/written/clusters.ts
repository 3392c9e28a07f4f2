/**
 * Random clusters with the longest names and texts that the API server accepts, as the controller
 * reads them.
 */

import type { RawAllocation } from '../../../src/api/allocation.ts';
import type { Condition } from '../../../src/api/meta.ts';
import type { RawPool } from '../../../src/api/pool.ts';
import type { RawService } from '../../../src/api/service.ts';
import { fc } from '../../property.ts';
import type { ControlledCluster } from './controller-pass.ts';

/** The time of these clusters. `before` is an earlier time. */
export const now = Date.parse('2026-05-01T00:00:00Z');
const before = '2026-04-01T00:00:00Z';

/** A name of the maximum length for most objects (RFC 1123 subdomain). */
export const longName = (letter: string) => `${`${letter.repeat(63)}.`.repeat(3)}${letter.repeat(61)}`;
/** A name of the maximum length for a Service or a namespace. */
export const longLabel = (letter: string) => letter.repeat(63);

const letters = ['a', 'b', 'c', 'd'] as const;

function metaOf(kind: string, name: string): RawService['metadata'] {
  return { name, uid: `${kind}-${name.slice(0, 40)}`, resourceVersion: '1', creationTimestamp: before, generation: 1 };
}

const flag = fc.option(fc.boolean(), { nil: undefined });

/**
 * Entries of a pool: small ones, the longest valid ones, and ranges that end before they start. The
 * CRD accepts 256 of them.
 */
const entries = fc.constantFrom(
  ['192.0.2.0/29', '2001:db8::/126'],
  ['192.0.2.4-192.0.2.12'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001 - 2001:0db8:0000:0000:0000:0000:0000:000f', '198.51.100.0'],
  ['192.0.2.1', ...Array.from({ length: 255 }, (_, i) => `10.0.${i}.9-10.0.${i}.1`)],
  Array.from({ length: 200 }, (_, i) => `192.0.2.${i + 1}`),
);

const pool = (letter: string) =>
  fc
    .record({
      addresses: entries,
      exclude: fc.constantFrom(undefined, ['192.0.2.1'], ['192.0.2.9-192.0.2.1']),
      autoAssign: fc.constantFrom(undefined, undefined, true, false),
      avoidBuggyIPs: flag,
      state: fc.constantFrom('Active', 'Active', 'Cordoned', 'Draining', undefined),
      quota: fc.constantFrom(undefined, { perNamespace: 1 }),
      retainFor: fc.constantFrom(undefined, '8760h', '1m'),
      reuseAfter: fc.constantFrom(undefined, '1h30m'),
      serviceAllocation: fc.constantFrom(undefined, { namespaces: [longLabel('a')], strict: true }, { priority: 1 }),
    })
    .map((spec) => ({ metadata: metaOf('pool', longName(letter)), spec }) as RawPool);

/**
 * Values of annotations: empty, without meaning, very long, naming every pool, with foreign
 * letters.
 */
const words = fc.constantFrom(
  '',
  ' ',
  'x'.repeat(40_000),
  'ü'.repeat(300),
  letters.map(longName).join(),
  '"\\\n',
  '192.0.2.1,2001:db8::1',
);
const annotations = fc.dictionary(
  fc.constantFrom(
    'berth.dev/loadBalancerIPs',
    'berth.dev/address-pool',
    'metallb.io/allow-shared-ip',
    'berth.dev/take-over',
  ),
  words,
  { maxKeys: 2 },
);
const sharing = fc.constantFrom(
  {},
  {},
  { 'berth.dev/allow-shared-ip': 'k'.repeat(256) },
  { 'berth.dev/hand-off': 'nodeport' },
  { 'berth.dev/hand-off': 'x'.repeat(40_000) },
);

/** The API server fills in the default of `ipMode`. */
const ingress = fc.constantFrom(
  [],
  [],
  [{ ip: '192.0.2.2', ipMode: 'VIP' }],
  [{ hostname: 'lb.example' }],
  [
    { ip: '203.0.113.1', ipMode: 'VIP' },
    { ip: '2001:db8::1', ipMode: 'Proxy' },
  ],
);
const managers = fc.array(fc.constantFrom('berth-controller', 'm'.repeat(128), 'other"'), { maxLength: 3 });
const ports = fc.constantFrom(
  [{ protocol: 'TCP', port: 80, nodePort: 30_080 }],
  [{ port: 1 }, { protocol: 'SCTP', port: 65_535 }],
  Array.from({ length: 500 }, (_, i) => ({ protocol: 'UDP', port: i + 1, nodePort: 30_000 + i })),
);

const service = (letter: string) =>
  fc
    .record({
      ...{ sharing, ingress, managers, ports },
      annotations: fc.oneof(fc.constant({}), annotations),
      namespace: fc.constantFrom('a', 'b'),
      families: fc.constantFrom(undefined, ['IPv4'], ['IPv6', 'IPv4'], ['IPv6']),
      policy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
      type: fc.constantFrom(
        ...['LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP'],
      ),
      loadBalancerClass: fc.constantFrom(undefined, undefined, undefined, 'berth.dev/berth', 'c'.repeat(63)),
      loadBalancerIP: fc.constantFrom(undefined, undefined, undefined, undefined, '192.0.2.3', 'y'.repeat(5_000)),
      conditions: fc.constantFrom([], [condition('berth.dev/Allocated', 'False', 'NoPool')]),
    })
    .map((facts): RawService => {
      const { namespace, managers: names, families, policy, type } = facts;
      const own = { namespace: longLabel(namespace), annotations: { ...facts.annotations, ...facts.sharing } };
      const owned = { subresource: 'status', fieldsV1: { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } } };
      const managedFields = names.map((manager) => ({ ...owned, manager, time: before }));
      const { loadBalancerClass, loadBalancerIP, ports: all, conditions } = facts;
      const spec = {
        type,
        loadBalancerClass,
        loadBalancerIP,
        ipFamilies: families,
        ipFamilyPolicy: policy,
        ports: all,
      };
      const status = { loadBalancer: { ingress: facts.ingress }, conditions };
      return {
        metadata: { ...metaOf('service', longLabel(letter)), ...own, managedFields },
        spec,
        status,
      } as RawService;
    });

function condition(type: string, status: Condition['status'], reason: string): Condition {
  return { type, status, reason, message: 'm'.repeat(1_024), lastTransitionTime: before };
}

/** A status that a speaker may have written, with fields of the maximum length. */
const found = fc.constantFrom(
  {},
  { conditions: [condition('Announced', 'True', 'Announced')] },
  {
    conflict: { mac: '02:00:00:00:00:66' },
    conditions: [condition('Announced', 'False', 'AddressTaken'), condition('Conflict', 'True', 'AddressTaken')],
  },
  { holder: { node: longName('n'), term: Number.MAX_SAFE_INTEGER, since: before }, conditions: [] },
);

/** An entry for a Service that exists or not. */
const allocation = (address: string) =>
  fc
    .record({
      status: found,
      pool: fc.constantFrom(...letters).map(longName),
      to: fc.constantFrom(...letters, 'z'),
      namespace: fc.constantFrom('a', 'b'),
      kept: fc.constantFrom(undefined, undefined, '2026-04-02T00:00:00Z', '2027-01-01T00:00:00Z'),
      adopted: flag,
      annotations: fc.constantFrom({}, { 'berth.dev/move-to': longName('n') }, { 'berth.dev/renumber': '' }),
    })
    .map(({ status, pool: of, to, namespace, kept, adopted, annotations: wishes }): RawAllocation => {
      const name = longLabel(to);
      const services = [{ namespace: longLabel(namespace), name, uid: `service-${name.slice(0, 40)}`, ports: [] }];
      const spec = { address, pool: of, services, ...(kept && { reservedUntil: kept }), ...(adopted && { adopted }) };
      return { metadata: { ...metaOf('entry', address), annotations: wishes }, spec, status };
    });

/** Some of these values. */
const some = <T>(all: readonly fc.Arbitrary<T>[]) =>
  fc
    .tuple(...all.map((one) => fc.option(one, { freq: 2 })))
    .map((list) => list.filter((one): one is Awaited<T> & {} => one !== null) as T[]);

/** Whole clusters. */
export const clusters: fc.Arbitrary<ControlledCluster> = fc
  .record({
    pools: some(letters.map(pool)),
    services: some(letters.map(service)),
    allocations: some(['192.0.2.2', '192.0.2.3', '198.51.100.0'].map(allocation)),
    isAdvertised: fc.boolean(),
  })
  .map(({ isAdvertised, ...cluster }) => ({
    ...cluster,
    namespaces: ['a', 'b'].map((letter) => ({ metadata: metaOf('namespace', longLabel(letter)) })),
    advertisements: isAdvertised ? [{ metadata: metaOf('advertisement', 'all') }] : [],
  }));
