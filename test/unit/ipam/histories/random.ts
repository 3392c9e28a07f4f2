/** Random small Services and pools. Most are plain, and there are so few that they collide. */

import type { Pool } from '../../../oracle/objects.ts';
import { fc } from '../../../property.ts';
import type { ServiceFacts } from './cluster.ts';

/** The requests of a Service. */
export interface Facts {
  readonly families?: readonly string[];
  readonly familyPolicy?: string;
  readonly requests?: readonly string[];
  /** The request stands in the field of the spec and not in an annotation. */
  readonly byField?: boolean;
  readonly requestedPools?: readonly string[];
  readonly sharingKey?: string;
  /** The prefix of the annotations. */
  readonly prefix?: string;
  readonly ports?: readonly { readonly protocol: string; readonly port: number }[];
  readonly local?: boolean;
  readonly selector?: Readonly<Record<string, string>>;
  readonly unready?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly class?: string;
}

/** One of eight IPv4 addresses. */
export const address4 = fc.nat({ max: 7 }).map((n) => `192.0.2.${n}`);
/** One of four IPv6 addresses. */
export const address6 = fc.nat({ max: 3 }).map((n) => `2001:db8::${n || ''}`);

/** Sets each fact in one of `oneIn` objects, so that most objects are plain. */
function seldom<T extends object>(
  some: { readonly [K in keyof T]: readonly [oneIn: number, arbitrary: fc.Arbitrary<T[K]>] },
) {
  const entries = Object.entries(some) as [string, readonly [number, fc.Arbitrary<unknown>]][];
  const options = entries.map(([name, [oneIn, arbitrary]]) =>
    fc.oneof(
      { weight: oneIn - 1, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: arbitrary.map((value) => ({ [name]: value })) },
    ),
  );
  return fc.tuple(...options).map((facts) => Object.assign({}, ...facts) as Partial<T>);
}

const dual = fc.record({
  families: fc.constantFrom(['IPv4', 'IPv6'] as const, ['IPv6', 'IPv4'] as const),
  familyPolicy: fc.constantFrom('PreferDualStack', 'RequireDualStack'),
});
const families = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ families: ['IPv6'] as const }) },
  { weight: 3, arbitrary: dual },
);
const port = fc.constantFrom(
  { protocol: 'TCP', port: 80 },
  { protocol: 'UDP', port: 80 },
  { protocol: 'TCP', port: 443 },
);
/** Requests of Services. */
export const facts: fc.Arbitrary<Facts> = fc
  .tuple(
    families,
    seldom<Facts>({
      requests: [6, fc.array(fc.oneof(address4, address4, address6, fc.constant('x')), { minLength: 1, maxLength: 2 })],
      byField: [3, fc.constant(true)],
      prefix: [4, fc.constantFrom('metallb.io/', 'metallb.universe.tf/')],
      requestedPools: [7, fc.subarray(['r', 'q', 'p'], { minLength: 1 })],
      sharingKey: [2, fc.constantFrom('k', 'k', 'k', 'l', 'a,b/k', 'a,b/k')],
      ports: [
        2,
        fc.uniqueArray(port, {
          minLength: 1,
          maxLength: 2,
          selector: ({ protocol, port: number }) => protocol + number,
        }),
      ],
      local: [8, fc.constant(true)],
      selector: [4, fc.constantFrom({ app: 'other' }, {})],
      labels: [8, fc.constant({ tier: 'web' })],
      unready: [8, fc.constant(true)],
    }),
  )
  .map(([some, more]) => ({ ...some, ...more }));

const ranges = ['192.0.2.0/30', '192.0.2.2-192.0.2.5', '192.0.2.7', '2001:db8::/127', '2001:db8::1-2001:db8::2'];
/** Specs of pools. */
export const poolSpec = fc
  .tuple(
    fc.subarray(ranges, { minLength: 2 }),
    seldom<Omit<Pool['spec'], 'addresses'>>({
      exclude: [6, fc.tuple(address4)],
      autoAssign: [8, fc.constant(false)],
      avoidBuggyIPs: [8, fc.constant(true)],
      serviceAllocation: [
        3,
        seldom<NonNullable<Pool['spec']['serviceAllocation']>>({
          priority: [2, fc.nat({ max: 2 })],
          namespaces: [4, fc.tuple(fc.constantFrom('a', 'b'))],
          namespaceSelectors: [6, fc.constant([{ matchLabels: { env: 'x' } }])],
          serviceSelectors: [6, fc.constant([{ matchLabels: { tier: 'web' } }])],
          strict: [4, fc.constant(true)],
        }),
      ],
      state: [5, fc.constantFrom('Cordoned', 'Draining')],
      quota: [4, fc.record({ perNamespace: fc.integer({ min: 1, max: 3 }) })],
      retainFor: [3, fc.constantFrom('10s', '30s')],
      reuseAfter: [3, fc.constantFrom('5s', '20s')],
    }),
  )
  .map(([addresses, more]): Pool['spec'] => ({ addresses, ...more }));
/** The requests of a new Service. A class never changes. */
export const birth = fc
  .tuple(facts, seldom<Pick<Facts, 'class'>>({ class: [8, fc.constantFrom('berth.dev/berth', 'x/y')] }))
  .map(([some, more]) => ({ ...some, ...more }));

/** Writes these facts as fields of an object. */
export function written(facts: Facts): ServiceFacts {
  const { requests = [], requestedPools = [], sharingKey, byField = false, prefix = 'berth.dev/' } = facts;
  const isByField = byField && requests.length === 1;
  const annotations = {
    ...(requests.length > 0 && !isByField && { [`${prefix}loadBalancerIPs`]: requests.join() }),
    ...(requestedPools.length > 0 && { [`${prefix}address-pool`]: requestedPools.join() }),
    ...(sharingKey !== undefined && { [`${prefix}allow-shared-ip`]: sharingKey }),
  };
  const { families = ['IPv4'], familyPolicy = 'SingleStack', ports = [{ protocol: 'TCP', port: 80 }] } = facts;
  const spec = {
    ...{ ipFamilies: families, ipFamilyPolicy: familyPolicy, ports },
    ...{ externalTrafficPolicy: facts.local ? 'Local' : 'Cluster', selector: facts.selector ?? { app: 'web' } },
    ...(facts.unready && { publishNotReadyAddresses: true }),
    ...(isByField && { loadBalancerIP: requests[0] }),
    ...(facts.class !== undefined && { loadBalancerClass: facts.class }),
  };
  return { spec, annotations, labels: facts.labels ?? {} };
}
