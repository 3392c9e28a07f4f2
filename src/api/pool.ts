/** IPAddressPool: the addresses that Berth may give out. */
import { type InvalidRange, type IpRange, isRange, parseRange, subtract } from '../addr/range.ts';
import { type Condition, type Identity, identityOf, type RawMeta } from './meta.ts';

/** IPAddressPool as the API server sends it. */
export interface RawPool {
  readonly metadata: RawMeta;
  readonly spec: {
    readonly addresses: readonly string[];
    readonly exclude?: readonly string[];
    readonly autoAssign?: boolean;
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** What we need of a pool. A pool with a bad entry keeps its good ones: `faults` says what was left out. */
export interface PoolView extends Identity {
  /** `addresses` without `exclude`. Empty where an entry of `exclude` is bad: what it was to keep back is not known. */
  readonly ranges: readonly IpRange[];
  /** Each message begins with the field. */
  readonly faults: readonly InvalidRange[];
  /** May a Service that asked for nothing get an address of this pool? */
  readonly autoAssign: boolean;
  readonly conditions: readonly Condition[];
}

/** The view of a pool. */
export function parsePool({ metadata, spec, status }: RawPool): PoolView {
  const addresses = parseField('spec.addresses', spec.addresses);
  const exclude = parseField('spec.exclude', spec.exclude ?? []);
  return {
    ...identityOf(metadata),
    ranges: exclude.faults.length === 0 ? subtract(addresses.ranges, exclude.ranges) : [],
    faults: [...addresses.faults, ...exclude.faults],
    autoAssign: spec.autoAssign ?? true,
    conditions: status?.conditions ?? [],
  };
}

function parseField(field: string, texts: readonly string[]): Pick<PoolView, 'ranges' | 'faults'> {
  const parsed = texts.map(parseRange);
  const faults = parsed.filter((range): range is InvalidRange => !isRange(range));
  return {
    ranges: parsed.filter(isRange),
    faults: faults.map(({ reason, message }) => ({ reason, message: `${field}: ${message}` })),
  };
}
