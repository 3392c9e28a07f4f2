/** The pools of one snapshot: the addresses that each one assigns, and the order in which a Service tries them. */
import { type Family, familyOf, type Ip, ipToNumber } from '../addr/ip.ts';
import type { IpRange } from '../addr/range.ts';
import { holds, indexIn, intersect, type RangeSet, rangeSet, subtract } from '../addr/range-set.ts';
import { selects } from '../api/meta.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { PoolView, ServiceAllocation } from '../api/pool.ts';
import type { ServiceView } from '../api/service.ts';
import type { PoolVerdict } from './reasons.ts';

/** Addresses of a younger pool that an older one contains. */
interface Overlap {
  readonly older: string;
  readonly ranges: RangeSet;
}

/** A pool with the addresses that it may assign. */
export interface EffectivePool extends PoolView {
  /** `ranges` without the ranges of older pools. */
  readonly own: RangeSet;
  readonly overlaps: readonly Overlap[];
}

/** A pool from the point of view of one Service, whether or not it has a free address. */
interface RankedPool {
  readonly pool: EffectivePool;
  /** Why the Service cannot get a new address of this pool; undefined if it can. */
  readonly fault: PoolVerdict | undefined;
  /** The same without regard to the request of the Service: a request for another pool must not hide this reason. */
  readonly exclusion: PoolExclusion | undefined;
}

/** Why a pool assigns no new address to a Service, not even on request. */
type PoolExclusion = Extract<PoolVerdict, 'NotForService' | 'RestrictedToStrictPools' | 'Cordoned' | 'Draining'>;

interface Ranking {
  readonly ranked: readonly RankedPool[];
  readonly open: readonly EffectivePool[];
}

const mostRankings = 10_000;

/** All pools of one snapshot. */
export class PoolTable {
  /** The oldest first: an address belongs to the first pool that contains it. */
  readonly pools: readonly EffectivePool[];
  readonly #byName: ReadonlyMap<string, EffectivePool>;
  readonly #namespaces: ReadonlyMap<string, NamespaceView>;
  /** The ranges that the pools own, which do not overlap, and the pool of each. */
  readonly #ranges: RangeSet;
  readonly #owners: ReadonlyMap<IpRange, EffectivePool>;
  readonly #readsLabels: boolean;
  readonly #rankings = new Map<string, Ranking>();
  /** The same by Service: its requests and its labels may be long. */
  readonly #known = new WeakMap<ServiceView, Ranking>();

  constructor(pools: readonly PoolView[], namespaces: readonly NamespaceView[]) {
    this.pools = withoutOverlaps(pools);
    this.#byName = new Map(this.pools.map((pool) => [pool.name, pool]));
    this.#namespaces = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
    const owned = this.pools.flatMap((pool) => pool.own.map((range) => [range, pool] as const));
    this.#owners = new Map(owned);
    this.#ranges = owned.map(([range]) => range).sort(byStart);
    this.#readsLabels = pools.some(({ allocation }) => (allocation?.serviceSelectors.length ?? 0) > 0);
  }

  /** The pool with a name. */
  named(name: string): EffectivePool | undefined {
    return this.#byName.get(name);
  }

  /** The pool that owns an address. */
  poolOf(address: Ip, value = ipToNumber(address)): EffectivePool | undefined {
    const index = indexIn(this.#ranges, familyOf(address), value);
    const range = this.#ranges[index];
    return range && this.#owners.get(range);
  }

  /**
   * Every pool, in the order in which the Service tries them: the pools that it requests, in its order; the pools whose
   * `serviceAllocation` selects it, by priority and name; the others, by name.
   */
  ranked(service: ServiceView): readonly RankedPool[] {
    return this.#rankingOf(service).ranked;
  }

  /** The pools that may assign a new address to the Service, in the same order. */
  open(service: ServiceView): readonly EffectivePool[] {
    return this.#rankingOf(service).open;
  }

  #rankingOf(service: ServiceView): Ranking {
    const known = this.#known.get(service) ?? this.#sharedRanking(service);
    this.#known.set(service, known);
    return known;
  }

  #sharedRanking(service: ServiceView): Ranking {
    const { namespace, requestedPools, labels } = service;
    // Services that no rule distinguishes share one ranking.
    const plain = requestedPools.length === 0 && !this.#readsLabels;
    const kind = plain ? namespace : JSON.stringify([namespace, requestedPools, this.#readsLabels ? labels : 0]);
    const known = this.#rankings.get(kind);
    if (known !== undefined) return known;
    // The labels of thousands of Services may differ, and the table may exist for months.
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
    // The namespace may become known later than its Services: until then its labels are unknown.
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

/** Whether a pool serves all Services, selects this one, or does not serve it. */
type Match = 'ForAll' | 'Match' | 'None';

/** Reasons that concern the Service come before reasons that concern the pool. */
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

/** Do the ranges of the pool contain this address, even if an older pool owns it? */
export function names(pool: PoolView, family: Family, value: bigint): boolean {
  return holds(pool.ranges, family, value);
}

function byStart(a: IpRange, b: IpRange): number {
  return compare(a.family, b.family) || compare(a.first, b.first);
}

function compare<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
