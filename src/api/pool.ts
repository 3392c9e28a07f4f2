/** IPAddressPool: the addresses that Berth may assign, and the Services that may get them. */
import { formatRange, type InvalidRange, isRange, networkOfHostBits, parseRange } from '../addr/range.ts';
import { type RangeSet, rangeSet, subtract } from '../addr/range-set.ts';
import { parseDuration } from './duration.ts';
import {
  type Condition,
  type Identity,
  identityOf,
  type LabelSelector,
  type RawMeta,
  wholeConditions,
} from './meta.ts';

/**
 * Whether a pool assigns new addresses (only `Active` does), and whether a re-created Service gets its address again (not if
 * `Draining`).
 */
type PoolState = 'Active' | 'Cordoned' | 'Draining';

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

/** The Services that a pool serves. An empty list means all. */
export interface ServiceAllocation {
  /** Pools with a lower value are tried first; 0 comes last. */
  readonly priority: number;
  /** The namespace of the Service must be in this list, or one of the selectors must match its labels. */
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
  /** Services that match may get addresses of strict pools only. */
  readonly strict: boolean;
}

/** The counts in a pool's status. The numbers are limited to the largest integer that JSON stores exactly; the texts are not. */
export interface PoolCounts {
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
  readonly used: string;
  readonly free: string;
}

/** The fields of a pool that Berth uses. A pool with an invalid range keeps its valid ones; `faults` lists the invalid ones. */
export interface PoolView extends Identity {
  /** RFC 3339. */
  readonly created: string;
  /** Increases with every change of its spec. */
  readonly generation: number;
  /** `addresses` without `exclude`. Empty if an entry of `exclude` is invalid, because the addresses to exclude are unknown then. */
  readonly ranges: RangeSet;
  /** Each message begins with the field. */
  readonly faults: readonly InvalidRange[];
  /**
   * A message for each CIDR with host bits, such as 192.0.2.40/24. It stands for its whole network, and its author may have meant the
   * addresses from 192.0.2.40 on. Each message begins with the field. Absent if there is none.
   */
  readonly hostBits?: readonly string[];
  /** May a Service without a request get an address of this pool? */
  readonly autoAssign: boolean;
  /** Never assign IPv4 addresses that end in .0 or .255. */
  readonly avoidBuggyIPs: boolean;
  /** undefined: the pool serves every Service, and is tried after the pools that serve certain Services. */
  readonly allocation: ServiceAllocation | undefined;
  /** A pool that is being deleted, and waits for a finalizer, is draining. */
  readonly state: PoolState;
  /** The most addresses that one namespace may have; undefined: no limit. */
  readonly quota: number | undefined;
  /** How long an address stays reserved for a Service of the same name after its Service is deleted; milliseconds. */
  readonly retainMs: number;
  /** How long an address is assigned to no Service after it was released; milliseconds. */
  readonly reuseAfterMs: number;
  readonly counts: PoolCounts | undefined;
  readonly conditions: readonly Condition[];
}

/** The view of a pool. */
export function parsePool({ metadata, spec, status = {} }: RawPool): PoolView {
  const addresses = parseField('spec.addresses', spec.addresses);
  const exclude = parseField('spec.exclude', spec.exclude ?? []);
  const hostBits = [...addresses.hostBits, ...exclude.hostBits];
  return {
    ...identityOf(metadata),
    created: metadata.creationTimestamp ?? '',
    generation: metadata.generation ?? 0,
    ranges: exclude.faults.length === 0 ? subtract(addresses.ranges, exclude.ranges) : [],
    faults: [...addresses.faults, ...exclude.faults],
    ...(hostBits.length > 0 && { hostBits }),
    autoAssign: spec.autoAssign ?? true,
    avoidBuggyIPs: spec.avoidBuggyIPs ?? false,
    allocation: spec.serviceAllocation && {
      priority: spec.serviceAllocation.priority ?? 0,
      namespaces: spec.serviceAllocation.namespaces ?? [],
      namespaceSelectors: spec.serviceAllocation.namespaceSelectors ?? [],
      serviceSelectors: spec.serviceAllocation.serviceSelectors ?? [],
      strict: spec.serviceAllocation.strict ?? false,
    },
    state: metadata.deletionTimestamp === undefined ? (spec.state ?? 'Active') : 'Draining',
    quota: spec.quota?.perNamespace,
    retainMs: parseDuration(spec.retainFor ?? '') ?? 0,
    reuseAfterMs: parseDuration(spec.reuseAfter ?? '') ?? 0,
    counts: countsOf(status),
    conditions: wholeConditions(status.conditions),
  };
}

function parseField(
  field: string,
  texts: readonly string[],
): Required<Pick<PoolView, 'ranges' | 'faults' | 'hostBits'>> {
  const parsed = texts.map(parseRange);
  const faults = parsed.filter((range): range is InvalidRange => !isRange(range));
  return {
    ranges: rangeSet(parsed.filter(isRange)),
    faults: faults.map(({ reason, message }) => ({ reason, message: `${field}: ${message}` })),
    hostBits: texts.flatMap((text) => {
      const network = networkOfHostBits(text);
      return network === undefined ? [] : [`${field}: ${text} stands for the whole network ${formatRange(network)}`];
    }),
  };
}

function countsOf({ used, free, ...counts }: Partial<PoolCounts>): PoolCounts | undefined {
  if (used === undefined || free === undefined) return undefined;
  const { assignedIPv4 = 0, assignedIPv6 = 0, availableIPv4 = 0, availableIPv6 = 0 } = counts;
  return { assignedIPv4, assignedIPv6, availableIPv4, availableIPv6, used, free };
}
