/** The addresses of each pool, the Services that it is for, and the order of pools for a Service (docs/allocation.md). */
import { type Address, addressIn, type Family, isIn, type Range, rangeIn } from './addresses.ts';
import {
  type Cluster,
  type Entry,
  type Labels,
  oldestFirst,
  type Pool,
  type Selector,
  type Service,
} from './objects.ts';
import { wishesOf } from './wishes.ts';

/** Why a pool gives a Service no new address, whatever the Service asks for. */
export type Bar = 'NotForService' | 'RestrictedToStrictPools' | 'Cordoned' | 'Draining';

interface Reading {
  readonly ranges: readonly Range[];
  readonly excluded: readonly Range[];
  /** "A bad entry of `spec.exclude` closes the whole pool." */
  readonly isClosed: boolean;
}

const readings = new WeakMap<Pool, Reading>();

/** Whether the pool's own ranges contain the address and its excluded ones do not. Other pools do not count here. */
export function names(pool: Pool, address: Address): boolean {
  const { ranges, excluded, isClosed } = readingOf(pool);
  const holds = (some: readonly Range[]) => some.some((range) => isIn(address, range));
  return !isClosed && holds(ranges) && !holds(excluded);
}

/** "Where two pools name the same address the older pool has it." */
export function homeOf({ pools }: Pick<Cluster, 'pools'>, address: Address): Pool | undefined {
  return pools.filter((pool) => names(pool, address)).sort(oldestFirst)[0];
}

/** The addresses of one family that belong to the pool, from the lowest on. */
export function ownRanges({ pools }: Pick<Cluster, 'pools'>, pool: Pool, family: Family): readonly Range[] {
  const all = pools.map(readingOf).flatMap(({ ranges, excluded }) => [...ranges, ...excluded]);
  const ofFamily = all.filter((range) => range.family === family);
  // Between two neighboring ends of ranges, all addresses belong to the same pool.
  const cuts = [...new Set(ofFamily.flatMap(({ first, last }) => [first, last + 1n]))].sort((a, b) => (a < b ? -1 : 1));
  const pieces = cuts.slice(0, -1).map((first, i) => ({ family, first, last: (cuts[i + 1] ?? first) - 1n }));
  return pieces.filter(({ first }) => homeOf({ pools }, { family, value: first }) === pool);
}

/** The pool that an entry counts for: the pool that it was taken from, or its new home if that pool no longer contains it. */
export function poolOfEntry(cluster: Pick<Cluster, 'pools'>, { spec }: Entry): string {
  const address = addressIn(spec.address);
  const recorded = cluster.pools.find(({ metadata }) => metadata.name === spec.pool);
  if (address === undefined || (recorded && names(recorded, address))) return spec.pool;
  return homeOf(cluster, address)?.metadata.name ?? spec.pool;
}

/** Returns why the pool gives this Service no new address, not even on request. Undefined: it does. */
export function barOf(cluster: Cluster, pool: Pool, service: Service): Bar | undefined {
  if (!isFor(cluster, pool, service)) return 'NotForService';
  const isStrict = (one: Pool) => one.spec.serviceAllocation?.strict === true && isFor(cluster, one, service);
  if (cluster.pools.some(isStrict) && !isStrict(pool)) return 'RestrictedToStrictPools';
  const { state } = pool.spec;
  return state === 'Cordoned' || state === 'Draining' ? state : undefined;
}

/** Whether the Service may have any free address of this pool, by its wishes and by the rules of the pool. */
export function isOpen(cluster: Cluster, pool: Pool, service: Service): boolean {
  const { pools } = wishesOf(service);
  const isAsked = pools.length > 0 ? pools.includes(pool.metadata.name) : pool.spec.autoAssign !== false;
  return isAsked && barOf(cluster, pool, service) === undefined;
}

/**
 * "The pools that it asks for, in its order; if it asks for none, the pools that are for it, by priority and name, then the pools that
 * are for all, by name."
 */
export function openPools(cluster: Cluster, service: Service): readonly Pool[] {
  const { pools: asked } = wishesOf(service);
  const priority = ({ spec }: Pool) => spec.serviceAllocation?.priority || Number.MAX_SAFE_INTEGER;
  const ranks = (pool: Pool): readonly number[] => [
    asked.indexOf(pool.metadata.name),
    pool.spec.serviceAllocation === undefined ? 1 : 0,
    pool.spec.serviceAllocation === undefined ? 0 : priority(pool),
  ];
  const open = cluster.pools.filter((pool) => isOpen(cluster, pool, service));
  return open.sort((a, b) => {
    const [one, other] = [ranks(a), ranks(b)];
    const difference = one.map((rank, i) => rank - (other[i] ?? 0)).find((by) => by !== 0);
    return difference ?? (a.metadata.name < b.metadata.name ? -1 : 1);
  });
}

/** Whether the selector matches these labels. */
export function chooses({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels = {}): boolean {
  const isMet = ({ key, operator, values = [] }: (typeof matchExpressions)[number]) => {
    const isThere = Object.hasOwn(labels, key);
    const isOne = isThere && values.includes(labels[key] ?? '');
    return { In: isOne, NotIn: !isOne, Exists: isThere, DoesNotExist: !isThere }[operator] ?? false;
  };
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(isMet);
}

/** "A Service must match the namespace part ([...] if one of them is set) and serviceSelectors (if set)." */
function isFor({ namespaces }: Cluster, { spec }: Pool, { metadata }: Service): boolean {
  const { namespaces: named = [], namespaceSelectors = [], serviceSelectors = [] } = spec.serviceAllocation ?? {};
  const home = namespaces.find((one) => one.metadata.name === metadata.namespace);
  const isHere =
    named.includes(metadata.namespace ?? '') ||
    (home !== undefined && namespaceSelectors.some((selector) => chooses(selector, home.metadata.labels)));
  const isAnywhere = named.length === 0 && namespaceSelectors.length === 0;
  const isChosen = serviceSelectors.some((selector) => chooses(selector, metadata.labels));
  return (isAnywhere || isHere) && (serviceSelectors.length === 0 || isChosen);
}

function readingOf(pool: Pool): Reading {
  const known = readings.get(pool);
  if (known !== undefined) return known;
  const { addresses, exclude = [] } = pool.spec;
  const read = (texts: readonly string[]) => texts.map(rangeIn);
  const isRange = (range: Range | undefined): range is Range => range !== undefined;
  const reading = {
    ranges: read(addresses).filter(isRange),
    excluded: read(exclude).filter(isRange),
    isClosed: read(exclude).includes(undefined),
  };
  readings.set(pool, reading);
  return reading;
}
