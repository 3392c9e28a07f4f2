/** IPAddressPool: the addresses that Berth may give out, and to whom. */
import { type InvalidRange, isRange, parseRange } from '../addr/range.ts';
import { type RangeSet, rangeSet, subtract } from '../addr/range-set.ts';
import { parseDuration } from './duration.ts';
import { type Condition, type Identity, identityOf, type LabelSelector, type RawMeta } from './meta.ts';

/** Whether a pool gives addresses to new Services, and whether those that it has given stay when a Service is re-created. */
export type PoolState = 'Active' | 'Cordoned' | 'Draining';

/** IPAddressPool as the API server sends it. */
export interface RawPool {
  readonly metadata: RawMeta;
  readonly spec: {
    readonly addresses: readonly string[];
    readonly exclude?: readonly string[];
    readonly autoAssign?: boolean;
    readonly avoidBuggyIPs?: boolean;
    readonly serviceAllocation?: {
      readonly priority?: number;
      readonly namespaces?: readonly string[];
      readonly namespaceSelectors?: readonly LabelSelector[];
      readonly serviceSelectors?: readonly LabelSelector[];
      readonly strict?: boolean;
    };
    readonly state?: PoolState;
    readonly quota?: { readonly perNamespace?: number };
    readonly retainFor?: string;
    readonly reuseAfter?: string;
  };
  readonly status?: Partial<PoolCounts> & { readonly conditions?: readonly Condition[] };
}

/** For which Services a pool is. Empty lists mean all. */
export interface ServiceAllocation {
  /** Lower is asked first; 0 comes last. */
  readonly priority: number;
  /** A Service's namespace is named here, or has labels that one of the selectors chooses. */
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
  /** Services that match may have addresses of strict pools only. */
  readonly strict: boolean;
}

/** What a pool's status counts. Numbers stop at the largest that JSON holds exactly; the texts do not. */
export interface PoolCounts {
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
  readonly used: string;
  readonly free: string;
}

/** What we need of a pool. A pool with a bad entry keeps its good ones: `faults` says what was left out. */
export interface PoolView extends Identity {
  /** RFC 3339. */
  readonly created: string;
  /** Counts the changes of its spec. */
  readonly generation: number;
  /** `addresses` without `exclude`. Empty where an entry of `exclude` is bad: what it was to keep back is not known. */
  readonly ranges: RangeSet;
  /** Each message begins with the field. */
  readonly faults: readonly InvalidRange[];
  /** May a Service that asked for nothing get an address of this pool? */
  readonly autoAssign: boolean;
  /** Leave out IPv4 addresses that end in .0 or .255. */
  readonly avoidBuggyIPs: boolean;
  /** undefined: for every Service, after the pools that are for certain ones. */
  readonly allocation: ServiceAllocation | undefined;
  readonly state: PoolState;
  /** How many addresses one namespace may have; undefined for any number. */
  readonly quota: number | undefined;
  /** How long an address waits for a Service of the same name after its own went; milliseconds. */
  readonly retainMs: number;
  /** How long an address is given to nobody after it was released; milliseconds. */
  readonly reuseAfterMs: number;
  readonly counts: PoolCounts | undefined;
  readonly conditions: readonly Condition[];
}

/** The view of a pool. */
export function parsePool({ metadata, spec, status = {} }: RawPool): PoolView {
  const addresses = parseField('spec.addresses', spec.addresses);
  const exclude = parseField('spec.exclude', spec.exclude ?? []);
  return {
    ...identityOf(metadata),
    created: metadata.creationTimestamp ?? '',
    generation: metadata.generation ?? 0,
    ranges: exclude.faults.length === 0 ? subtract(addresses.ranges, exclude.ranges) : [],
    faults: [...addresses.faults, ...exclude.faults],
    autoAssign: spec.autoAssign ?? true,
    avoidBuggyIPs: spec.avoidBuggyIPs ?? false,
    allocation: spec.serviceAllocation && {
      priority: spec.serviceAllocation.priority ?? 0,
      namespaces: spec.serviceAllocation.namespaces ?? [],
      namespaceSelectors: spec.serviceAllocation.namespaceSelectors ?? [],
      serviceSelectors: spec.serviceAllocation.serviceSelectors ?? [],
      strict: spec.serviceAllocation.strict ?? false,
    },
    state: spec.state ?? 'Active',
    quota: spec.quota?.perNamespace,
    retainMs: parseDuration(spec.retainFor ?? '') ?? 0,
    reuseAfterMs: parseDuration(spec.reuseAfter ?? '') ?? 0,
    counts: countsOf(status),
    conditions: status.conditions ?? [],
  };
}

function parseField(field: string, texts: readonly string[]): Pick<PoolView, 'ranges' | 'faults'> {
  const parsed = texts.map(parseRange);
  const faults = parsed.filter((range): range is InvalidRange => !isRange(range));
  return {
    ranges: rangeSet(parsed.filter(isRange)),
    faults: faults.map(({ reason, message }) => ({ reason, message: `${field}: ${message}` })),
  };
}

function countsOf({ used, free, ...counts }: Partial<PoolCounts>): PoolCounts | undefined {
  if (used === undefined || free === undefined) return undefined;
  const { assignedIPv4 = 0, assignedIPv6 = 0, availableIPv4 = 0, availableIPv6 = 0 } = counts;
  return { assignedIPv4, assignedIPv6, availableIPv4, availableIPv6, used, free };
}
