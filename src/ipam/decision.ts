/** The decision about one Service. */
import type { Ip } from '../addr/ip.ts';
import type { ServiceView } from '../api/service.ts';
import type { Slot } from './ledger/slot.ts';
import type { PoolTable } from './pool-table.ts';
import type { Outcome } from './reasons.ts';

/** One address of a Service. */
interface Binding {
  readonly address: Ip;
  readonly pool: string;
}

/** A Service of ours and its addresses, in the order of its families. */
export interface Assigned extends Outcome {
  readonly kind: 'Assigned';
  readonly service: ServiceView;
  readonly bindings: readonly Binding[];
  /** Why it must leave an address, in the pass in which it does. */
  readonly evicted: Outcome | undefined;
}

/** A Service of ours that has no address now. */
export interface Refused extends Outcome {
  readonly kind: 'Refused';
  readonly service: ServiceView;
  /** The addresses in its status stay, although they are not the Service's own: an administrator must decide. Otherwise they are removed. */
  readonly keepsStatus: boolean;
}

/** A decision about one Service of ours. */
export type Decision = Assigned | Refused;

/** Why the Service does not get everything that it requests. */
interface Reservations {
  /** Why it does not get the other address that it requests. */
  readonly declined?: Outcome | undefined;
  /** Why a family has no address. */
  readonly missing?: Outcome | undefined;
  readonly evicted?: Outcome | undefined;
}

/** A Service with these addresses, and its most important outcome. */
export function assigned(
  service: ServiceView,
  { slots, table }: { readonly slots: readonly Slot[]; readonly table: PoolTable },
  reservations: Reservations = {},
): Assigned {
  const bindings = slots.map(({ address, pool }) => ({ address, pool }));
  const removed = slots.filter(({ address, value }) => table.poolOf(address, value) === undefined);
  const outcome = outcomeOf(bindings, removed, reservations);
  return { kind: 'Assigned', service, bindings, evicted: reservations.evicted, ...outcome };
}

/** A Service without an address. */
export function refused(service: ServiceView, { reason, message }: Outcome, keepsStatus: boolean): Refused {
  return { kind: 'Refused', service, reason, message, keepsStatus };
}

function outcomeOf(
  bindings: readonly Binding[],
  removed: readonly Slot[],
  { declined, missing }: Reservations,
): Outcome {
  const names = (some: readonly { readonly address: Ip }[]) => some.map(({ address }) => address).join(', ');
  if (declined)
    return { reason: declined.reason, message: `${declined.message}; the Service keeps ${names(bindings)}` };
  if (removed.length > 0) {
    const kept = 'no longer in any IPAddressPool; the Service keeps it until it requests another address';
    return { reason: 'PoolRemoved', message: `${names(removed)}: ${kept}` };
  }
  const from = bindings.map(({ address, pool }) => `${address} from pool ${pool}`).join(', ');
  if (missing) return { reason: 'PartiallyAllocated', message: `${from}; ${missing.message}` };
  return { reason: 'Allocated', message: from };
}
