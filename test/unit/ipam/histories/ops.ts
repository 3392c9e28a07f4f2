/** The operations of a history, as small objects that fast-check can print and shrink. */

import type { Pool } from '../../../oracle/objects.ts';
import { fc } from '../../../property.ts';
import type { KindName } from './knowledge.ts';
import { address4, address6, birth, type Facts, facts, poolSpec } from './random.ts';

/** One operation. */
export type Op =
  | { readonly op: 'create' | 'edit' | 'recreate'; readonly svc: string; readonly facts: Facts }
  /** `terminate`: a deletion that a finalizer holds up. The two types: the Service stops being a LoadBalancer, or becomes one again. */
  | { readonly op: 'delete' | 'terminate' | 'ClusterIP' | 'LoadBalancer'; readonly svc: string }
  | { readonly op: 'pool'; readonly pool: string; readonly spec: Pool['spec'] }
  | { readonly op: 'unpool'; readonly pool: string }
  | { readonly op: 'nodes'; readonly addresses: readonly string[] }
  | { readonly op: 'label'; readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  | { readonly op: 'wait'; readonly ms: number }
  /** Another program writes a status. */
  | { readonly op: 'other writes'; readonly svc: string; readonly addresses: readonly string[] }
  /** A person deletes an entry of the ledger. */
  | { readonly op: 'lost'; readonly address: string }
  /** An administrator wants the Services of an address to get another one. */
  | { readonly op: 'renumber'; readonly address: string }
  /** The leader runs a pass on the present state, and crashes after this many writes. */
  | { readonly op: 'pass'; readonly writes?: number }
  /** The other controller reads everything or one kind. Later it decides on what it read then. */
  | { readonly op: 'other reads' }
  | { readonly op: 'other hears'; readonly kind: KindName }
  /** The other controller runs a pass whose writes stay under way until `strike`. */
  | { readonly op: 'other looks' }
  | { readonly op: 'other strikes' }
  | { readonly op: 'other passes'; readonly writes?: number };

const svc = fc.constantFrom('a/s', 'a/t', 'a/u', 'b/s', 'b/v');
const pool = fc.constantFrom('p', 'q', 'r');
const crash = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.nat({ max: 4 }).map((writes) => ({ writes })) },
);

const ops = {
  create: fc.record({ op: fc.constant('create'), svc, facts: birth }),
  edit: fc.record({ op: fc.constant('edit'), svc, facts }),
  recreate: fc.record({ op: fc.constant('recreate'), svc, facts: birth }),
  end: fc.record({ op: fc.constantFrom('delete', 'terminate', 'ClusterIP', 'LoadBalancer'), svc }),
  pool: fc.record({ op: fc.constant('pool'), pool, spec: poolSpec }),
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
  otherHears: fc.record({
    op: fc.constant('other hears'),
    kind: fc.constantFrom('services', 'services', 'allocations', 'allocations', 'pools', 'namespaces', 'nodes'),
  }),
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

/** The frequency of each operation. */
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
  otherHears: 0,
  otherLooks: 0,
  otherStrikes: 0,
  otherPasses: 0,
  otherWrites: 0,
  renumber: 4,
  lost: 0,
};

/** A history begins with pools, because little happens without them. */
function historyOf(weights: Weights): fc.Arbitrary<readonly Op[]> {
  const names = (Object.keys(ops) as (keyof typeof ops)[]).filter((name) => weights[name] > 0);
  const anything = names.map((name) => ({ weight: weights[name], arbitrary: ops[name] as fc.Arbitrary<Op> }));
  const pools = fc.array(ops.pool as fc.Arbitrary<Op>, { minLength: 1, maxLength: 2 });
  const rest = fc.array(fc.oneof(...anything), { maxLength: 60, size: 'max' });
  return fc.tuple(pools, rest).map(([first, more]) => [...first, ...more]);
}

/** Two controllers run, and each believes that it is the leader. */
export const history = historyOf({
  ...common,
  otherReads: 3,
  otherHears: 3,
  otherLooks: 2,
  otherStrikes: 2,
  otherPasses: 4,
});

/** One controller runs, another program writes statuses, and people delete entries. */
export const besideOthers = historyOf({ ...common, otherWrites: 5, lost: 3 });
