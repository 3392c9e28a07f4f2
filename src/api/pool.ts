/** IPAddressPool: the addresses that Berth may give out. */
import { type InvalidRange, type IpRange, isRange, parseRange } from '../addr/range.ts';
import { type Condition, type Identity, identityOf, type RawMeta } from './meta.ts';

/** IPAddressPool as the API server sends it. */
export interface RawPool {
  readonly metadata: RawMeta;
  readonly spec: { readonly addresses: readonly string[]; readonly autoAssign?: boolean };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** What we need of a pool. A pool with a bad entry keeps its good ones: `faults` says what was left out. */
export interface PoolView extends Identity {
  readonly ranges: readonly IpRange[];
  readonly faults: readonly InvalidRange[];
  /** May a Service that asked for nothing get an address of this pool? */
  readonly autoAssign: boolean;
  readonly conditions: readonly Condition[];
}

/** The view of a pool. */
export function parsePool(raw: RawPool): PoolView {
  const parsed = raw.spec.addresses.map(parseRange);
  return {
    ...identityOf(raw.metadata),
    ranges: parsed.filter(isRange),
    faults: parsed.filter((range): range is InvalidRange => !isRange(range)),
    autoAssign: raw.spec.autoAssign ?? true,
    conditions: raw.status?.conditions ?? [],
  };
}
