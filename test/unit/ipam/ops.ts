/** What may happen in a small cluster, as small objects that fast-check can print and shrink. */

import type { RawPool } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { fc } from '../../property.ts';
import { writer } from '../fixtures.ts';
import { ip, showing, shownByOther } from './plans.ts';
import type { Controller, World } from './world.ts';

/** What a Service of a test may say. */
type Facts = Partial<
  Pick<
    ServiceView,
    | 'families'
    | 'familyPolicy'
    | 'requests'
    | 'requestedPools'
    | 'sharingKey'
    | 'ports'
    | 'local'
    | 'selector'
    | 'labels'
    | 'class'
  >
>;

/** One thing that happens. */
export type Op =
  | { readonly op: 'create' | 'edit' | 'recreate'; readonly svc: string; readonly facts: Facts }
  /** Also: is on its way out, but not gone; no LoadBalancer any more; a LoadBalancer again. */
  | { readonly op: 'delete' | 'terminate' | 'ClusterIP' | 'LoadBalancer'; readonly svc: string }
  | { readonly op: 'pool'; readonly pool: string; readonly spec: RawPool['spec'] }
  | { readonly op: 'unpool'; readonly pool: string }
  | { readonly op: 'nodes'; readonly addresses: readonly string[] }
  | { readonly op: 'label'; readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly op: 'wait'; readonly ms: number }
  /** Another program writes a status. */
  | { readonly op: 'other writes'; readonly svc: string; readonly addresses: readonly string[] }
  /** Somebody deletes an entry of the ledger. */
  | { readonly op: 'lost'; readonly address: string }
  /** A person wants whoever has an address to get another one. */
  | { readonly op: 'renumber'; readonly address: string }
  /** A pass on what is there now; after so many writes it crashes. */
  | { readonly op: 'pass'; readonly writes?: number }
  /** The other controller reads; later it decides on what it read then. */
  | { readonly op: 'other reads' }
  /** It asks who still needs what it would give back; its writes come when it strikes. */
  | { readonly op: 'other looks' }
  | { readonly op: 'other strikes' }
  | { readonly op: 'other passes'; readonly writes?: number };

const svc = fc.constantFrom('a/s', 'a/t', 'a/u', 'b/s', 'b/v');
const address4 = fc.nat({ max: 7 }).map((n) => `192.0.2.${n}`);
const address6 = fc.nat({ max: 3 }).map((n) => `2001:db8::${n || ''}`);

/** Each fact only once in so many times, so that most objects are plain. */
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
const facts: fc.Arbitrary<Facts> = fc
  .tuple(
    families,
    seldom<Facts>({
      requests: [6, fc.array(fc.oneof(address4, address4, address6, fc.constant('x')), { minLength: 1, maxLength: 2 })],
      requestedPools: [7, fc.subarray(['r', 'q', 'p'], { minLength: 1 })],
      sharingKey: [2, fc.constantFrom('k', 'k', 'k', 'l', 'a,b/k', 'a,b/k')],
      ports: [2, fc.uniqueArray(port, { maxLength: 2, selector: ({ protocol, port: number }) => protocol + number })],
      local: [8, fc.constant(true)],
      selector: [8, fc.constant('[1]')],
      labels: [8, fc.constant({ tier: 'web' })],
    }),
  )
  .map(([some, more]) => ({ ...some, ...more }));

const ranges = ['192.0.2.0/30', '192.0.2.2-192.0.2.5', '192.0.2.7', '2001:db8::/127', '2001:db8::1-2001:db8::2'];
const spec = fc
  .tuple(
    fc.subarray(ranges, { minLength: 2 }),
    seldom<Omit<RawPool['spec'], 'addresses'>>({
      exclude: [6, fc.tuple(address4)],
      autoAssign: [8, fc.constant(false)],
      avoidBuggyIPs: [8, fc.constant(true)],
      serviceAllocation: [
        3,
        seldom<NonNullable<RawPool['spec']['serviceAllocation']>>({
          priority: [2, fc.nat({ max: 2 })],
          namespaces: [4, fc.tuple(fc.constantFrom('a', 'b'))],
          namespaceSelectors: [6, fc.constant([{ matchLabels: { env: 'x' } }])],
          serviceSelectors: [6, fc.constant([{ matchLabels: { tier: 'web' } }])],
          strict: [4, fc.constant(true)],
        }),
      ],
      state: [5, fc.constantFrom('Cordoned', 'Draining')],
      quota: [4, fc.record({ perNamespace: fc.nat({ max: 3 }) })],
      retainFor: [3, fc.constantFrom('10s', '30s')],
      reuseAfter: [3, fc.constantFrom('5s', '20s')],
    }),
  )
  .map(([addresses, more]): RawPool['spec'] => ({ addresses, ...more }));
const pool = fc.constantFrom('p', 'q', 'r');
const crash = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.nat({ max: 4 }).map((writes) => ({ writes })) },
);

/** A class never changes. */
const birth = fc
  .tuple(facts, seldom<Pick<Facts, 'class'>>({ class: [8, fc.constantFrom('berth.dev/berth', 'x/y')] }))
  .map(([some, more]) => ({ ...some, ...more }));

const ops = {
  create: fc.record({ op: fc.constant('create'), svc, facts: birth }),
  edit: fc.record({ op: fc.constant('edit'), svc, facts }),
  recreate: fc.record({ op: fc.constant('recreate'), svc, facts: birth }),
  end: fc.record({ op: fc.constantFrom('delete', 'terminate', 'ClusterIP', 'LoadBalancer'), svc }),
  pool: fc.record({ op: fc.constant('pool'), pool, spec }),
  unpool: fc.record({ op: fc.constant('unpool'), pool }),
  nodes: fc.record({ op: fc.constant('nodes'), addresses: fc.array(address4, { maxLength: 2 }) }),
  label: fc.record({
    op: fc.constant('label'),
    namespace: fc.constantFrom('a', 'b'),
    labels: fc.constantFrom({}, { env: 'x' }),
  }),
  wait: fc.record({ op: fc.constant('wait'), ms: fc.constantFrom(1_000, 6_000, 30_000, 700_000) }),
  pass: crash.map((crashed) => ({ op: 'pass', ...crashed })),
  otherReads: fc.record({ op: fc.constant('other reads') }),
  otherLooks: fc.record({ op: fc.constant('other looks') }),
  otherStrikes: fc.record({ op: fc.constant('other strikes') }),
  otherPasses: crash.map((crashed) => ({ op: 'other passes', ...crashed })),
  otherWrites: fc.record({
    op: fc.constant('other writes'),
    svc,
    addresses: fc.oneof(fc.tuple(address4), fc.tuple(address6), fc.tuple(address4, address6), fc.constant([])),
  }),
  renumber: fc.record({ op: fc.constant('renumber'), address: fc.oneof(address4, address4, address6) }),
  lost: fc.record({ op: fc.constant('lost'), address: fc.oneof(address4, address4, address6) }),
} as const satisfies Readonly<Record<string, fc.Arbitrary<object>>>;

type Weights = Readonly<Record<keyof typeof ops, number>>;

/** How often each happens. */
const common: Weights = {
  create: 10,
  edit: 6,
  recreate: 3,
  end: 3,
  pool: 2,
  unpool: 1,
  nodes: 1,
  label: 1,
  wait: 3,
  pass: 12,
  otherReads: 0,
  otherLooks: 0,
  otherStrikes: 0,
  otherPasses: 0,
  otherWrites: 0,
  renumber: 4,
  lost: 0,
};

/** It begins with pools, as otherwise little happens. */
function historyOf(weights: Weights): fc.Arbitrary<readonly Op[]> {
  const names = (Object.keys(ops) as (keyof typeof ops)[]).filter((name) => weights[name] > 0);
  const anything = names.map((name) => ({ weight: weights[name], arbitrary: ops[name] as fc.Arbitrary<Op> }));
  const pools = fc.array(ops.pool as fc.Arbitrary<Op>, { minLength: 1, maxLength: 2 });
  const rest = fc.array(fc.oneof(...anything), { maxLength: 60, size: 'max' });
  return fc.tuple(pools, rest).map(([first, more]) => [...first, ...more]);
}

/** Two controllers act, each of which believes that it leads. */
export const history = historyOf({ ...common, otherReads: 4, otherLooks: 2, otherStrikes: 2, otherPasses: 4 });

/** One controller, another program that writes statuses, and people who delete entries. */
export const besideOthers = historyOf({ ...common, otherWrites: 5, lost: 3 });

/** Those who act. */
export interface Cast {
  readonly world: World;
  readonly leader: () => Controller;
  readonly other: Controller;
}

/** Lets one thing happen. */
export function happen(op: Op, { world, leader, other }: Cast): void {
  switch (op.op) {
    case 'create':
      if (!world.services.has(op.svc)) world.create(op.svc, op.facts);
      break;
    case 'recreate':
      if (world.services.has(op.svc)) world.create(op.svc, op.facts);
      break;
    case 'edit':
      world.edit(op.svc, { ...plain, ...op.facts });
      break;
    case 'delete':
      world.services.delete(op.svc);
      break;
    case 'terminate':
      world.edit(op.svc, { isLoadBalancer: false });
      break;
    case 'ClusterIP':
      world.edit(op.svc, { isLoadBalancer: false, ...showing(), ingressWriters: [] });
      break;
    case 'LoadBalancer':
      if (world.services.get(op.svc)?.ingress.length === 0) world.edit(op.svc, { isLoadBalancer: true });
      break;
    case 'pool':
      world.setPool(op.pool, op.spec);
      break;
    case 'unpool':
      world.pools.delete(op.pool);
      break;
    case 'nodes':
      world.nodeAddresses = op.addresses.map(ip);
      break;
    case 'label': {
      const before = world.namespaces.get(op.namespace);
      if (before) world.namespaces.set(op.namespace, { ...before, labels: op.labels });
      break;
    }
    case 'wait':
      world.now += op.ms;
      break;
    case 'other writes':
      if (world.services.get(op.svc)?.isLoadBalancer)
        world.edit(op.svc, {
          ...shownByOther(...op.addresses),
          ingressWriters: op.addresses.length > 0 ? [writer('metallb', world.now)] : [],
        });
      break;
    case 'lost':
      world.ledger.delete(ip(op.address));
      break;
    case 'renumber':
      world.renumber(ip(op.address));
      break;
    case 'pass':
      leader().pass(op.writes);
      break;
    case 'other reads':
      other.read();
      break;
    case 'other looks':
      other.looks();
      break;
    case 'other strikes':
      other.strikes();
      break;
    case 'other passes':
      other.pass(op.writes);
      break;
  }
}

/** What an edit takes back where it does not say otherwise. */
const plain: Facts = {
  families: ['IPv4'],
  familyPolicy: 'SingleStack',
  requests: [],
  requestedPools: [],
  sharingKey: undefined,
  ports: [{ protocol: 'TCP', port: 80 }],
  local: false,
  selector: '[]',
  labels: {},
};
