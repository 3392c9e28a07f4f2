/** The pools of one moment: which addresses each really has, and in which order a Service asks them. */
import { type Family, familyOf, type Ip, ipToNumber } from '../addr/ip.ts';
import type { IpRange } from '../addr/range.ts';
import { holds, indexIn, intersect, type RangeSet, rangeSet, subtract } from '../addr/range-set.ts';
import { selects } from '../api/meta.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { PoolView, ServiceAllocation } from '../api/pool.ts';
import type { ServiceView } from '../api/service.ts';
import type { PoolVerdict } from './reasons.ts';

/** Addresses of a younger pool that an older one holds. */
export interface Overlap {
  readonly older: string;
  readonly ranges: RangeSet;
}

/** A pool with the addresses that are really its own. */
export interface EffectivePool extends PoolView {
  /** `ranges` without what older pools hold. */
  readonly own: RangeSet;
  readonly overlaps: readonly Overlap[];
}

/** A pool as one Service sees it, before anyone looks for a free address. */
export interface RankedPool {
  readonly pool: EffectivePool;
  /** Why the Service cannot have a new address of this pool; undefined if it can. */
  readonly fault: PoolVerdict | undefined;
  /** The same, whatever the Service asks for: what a wish for another pool must not hide. */
  readonly exclusion: PoolExclusion | undefined;
}

/** Why a pool gives a Service nothing new, not even on request. */
export type PoolExclusion = Extract<PoolVerdict, 'NotForService' | 'RestrictedToStrictPools' | 'Cordoned' | 'Draining'>;

interface Ranking {
  readonly ranked: readonly RankedPool[];
  readonly open: readonly EffectivePool[];
}

const mostRankings = 10_000;

/** All pools of one moment. */
export class PoolTable {
  /** The oldest first: the first that names an address has it. */
  readonly pools: readonly EffectivePool[];
  readonly #byName: ReadonlyMap<string, EffectivePool>;
  readonly #namespaces: ReadonlyMap<string, NamespaceView>;
  /** All ranges of all pools, which do not overlap, and the pool of each. */
  readonly #ranges: RangeSet;
  readonly #owners: ReadonlyMap<IpRange, EffectivePool>;
  readonly #readsLabels: boolean;
  readonly #rankings = new Map<string, Ranking>();

  constructor(pools: readonly PoolView[], namespaces: readonly NamespaceView[]) {
    this.pools = withoutOverlaps(pools);
    this.#byName = new Map(this.pools.map((pool) => [pool.name, pool]));
    this.#namespaces = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
    const owned = this.pools.flatMap((pool) => pool.own.map((range) => [range, pool] as const));
    this.#owners = new Map(owned);
    this.#ranges = owned.map(([range]) => range).sort(byStart);
    this.#readsLabels = pools.some(({ allocation }) => (allocation?.serviceSelectors.length ?? 0) > 0);
  }

  /** The pool of a name. */
  named(name: string): EffectivePool | undefined {
    return this.#byName.get(name);
  }

  /** The pool whose address this is. */
  poolOf(address: Ip, value = ipToNumber(address)): EffectivePool | undefined {
    const index = indexIn(this.#ranges, familyOf(address), value);
    const range = this.#ranges[index];
    return range && this.#owners.get(range);
  }

  /**
   * Every pool, in the order in which the Service asks them: those that it names, in its order; those that are for it, by priority and
   * name; the others, by name.
   */
  ranked(service: ServiceView): readonly RankedPool[] {
    return this.#rankingOf(service).ranked;
  }

  /** Those of them that give the Service something new. */
  open(service: ServiceView): readonly EffectivePool[] {
    return this.#rankingOf(service).open;
  }

  #rankingOf(service: ServiceView): Ranking {
    const { namespace, requestedPools, labels } = service;
    // Services that no rule tells apart share one ranking.
    const plain = requestedPools.length === 0 && !this.#readsLabels;
    const kind = plain ? namespace : JSON.stringify([namespace, requestedPools, this.#readsLabels ? labels : 0]);
    const known = this.#rankings.get(kind);
    if (known !== undefined) return known;
    // Labels of thousands of Services may differ; the table may live for months.
    if (this.#rankings.size >= mostRankings) this.#rankings.clear();
    const ranked = this.#rank(service);
    const ranking = { ranked, open: ranked.filter(({ fault }) => fault === undefined).map(({ pool }) => pool) };
    this.#rankings.set(kind, ranking);
    return ranking;
  }

  #rank(service: ServiceView): readonly RankedPool[] {
    const matches = new Map(this.pools.map((pool) => [pool, this.#match(pool.allocation, service)]));
    const isRestricted = this.pools.some((pool) => pool.allocation?.strict && matches.get(pool) === 'Match');
    const ranked = this.pools.map((pool) => {
      const match = matches.get(pool) ?? 'None';
      const isOutside = isRestricted && !(pool.allocation?.strict && match === 'Match');
      const exclusion = exclusionOf(pool, match, isOutside);
      return { pool, match, fault: faultOf(pool, exclusion, service.requestedPools), exclusion };
    });
    const named = (pool: EffectivePool) => {
      const index = service.requestedPools.indexOf(pool.name);
      return index < 0 ? Number.POSITIVE_INFINITY : index;
    };
    const priority = (pool: EffectivePool) => pool.allocation?.priority || Number.POSITIVE_INFINITY;
    const group = (match: Match) => (match === 'Match' ? 0 : 1);
    return ranked.sort(
      (a, b) =>
        compare(named(a.pool), named(b.pool)) ||
        compare(group(a.match), group(b.match)) ||
        compare(priority(a.pool), priority(b.pool)) ||
        compare(a.pool.name, b.pool.name),
    );
  }

  #match(allocation: ServiceAllocation | undefined, { namespace, labels }: ServiceView): Match {
    if (allocation === undefined) return 'ForAll';
    const { namespaces, namespaceSelectors, serviceSelectors } = allocation;
    // A namespace may be seen later than its Services: until then nobody knows what it is labelled.
    const known = this.#namespaces.get(namespace);
    const anywhere = namespaces.length === 0 && namespaceSelectors.length === 0;
    const inNamespace =
      anywhere ||
      namespaces.includes(namespace) ||
      (known !== undefined && namespaceSelectors.some((selector) => selects(selector, known.labels)));
    const chosen = serviceSelectors.length === 0 || serviceSelectors.some((selector) => selects(selector, labels));
    return inNamespace && chosen ? 'Match' : 'None';
  }
}

/** Whether a pool is for all Services, for this one among certain ones, or not for it. */
type Match = 'ForAll' | 'Match' | 'None';

/** Lasting reasons that lie with the Service go before those that lie with the pool. */
function exclusionOf(pool: PoolView, match: Match, isOutside: boolean): PoolExclusion | undefined {
  if (match === 'None') return 'NotForService';
  if (isOutside) return 'RestrictedToStrictPools';
  return pool.state === 'Active' ? undefined : pool.state;
}

function faultOf(
  pool: PoolView,
  exclusion: PoolExclusion | undefined,
  requested: readonly string[],
): PoolVerdict | undefined {
  if (requested.length > 0 && !requested.includes(pool.name)) return 'NotRequested';
  return exclusion ?? (requested.length === 0 && !pool.autoAssign ? 'NotAutoAssign' : undefined);
}

function withoutOverlaps(pools: readonly PoolView[]): readonly EffectivePool[] {
  const sorted = [...pools].sort((a, b) => compare(a.created, b.created) || compare(a.name, b.name));
  let taken: RangeSet = [];
  return sorted.map((pool, index) => {
    const lost = intersect(pool.ranges, taken);
    const overlaps = lost.length === 0 ? [] : overlapsWith(lost, sorted.slice(0, index));
    taken = rangeSet([...taken, ...pool.ranges]);
    return { ...pool, own: lost.length === 0 ? pool.ranges : subtract(pool.ranges, lost), overlaps };
  });
}

function overlapsWith(lost: RangeSet, olders: readonly PoolView[]): readonly Overlap[] {
  const overlaps = olders.map((older) => ({ older: older.name, ranges: intersect(lost, older.ranges) }));
  return overlaps.filter(({ ranges }) => ranges.length > 0);
}

/** Does the pool name this address, whoever else does? */
export function names(pool: PoolView, family: Family, value: bigint): boolean {
  return holds(pool.ranges, family, value);
}

function byStart(a: IpRange, b: IpRange): number {
  return compare(a.family, b.family) || compare(a.first, b.first);
}

function compare<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
