/** One address during one pass. */
import { type Family, familyOf, type Ip, ipToNumber } from '../../addr/ip.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { ServiceRef } from '../../api/entry-fields.ts';
import type { ServiceView } from '../../api/service.ts';

/** One address that is in use, reserved, or newly assigned. */
export interface Slot {
  readonly address: Ip;
  readonly family: Family;
  readonly value: bigint;
  /** Its entry in the ledger; undefined if it was free until now. */
  readonly entry: AllocationView | undefined;
  pool: string;
  sharingKey: string | undefined;
  /** The `SharedAddresses` that it belongs to. */
  group: object | undefined;
  /** Berth did not choose it: a Service showed it already. */
  adopted: boolean;
  /** The Services that use it after the plan is carried out. */
  readonly users: ServiceView[];
}

/** An address that was free until now. */
export function newSlot(address: Ip, pool: string, value = ipToNumber(address)): Slot {
  return {
    address,
    family: familyOf(address),
    value,
    pool,
    entry: undefined,
    sharingKey: undefined,
    group: undefined,
    adopted: false,
    users: [],
  };
}

/** The Services in a slot's entry that are no longer users. A user with the same name replaces its predecessor, and is not among them. */
export function formerRefs({ entry, users }: Slot): readonly ServiceRef[] {
  const refs = entry?.services ?? [];
  if (users.length === 0 || refs.length === 0) return refs;
  const [user] = users;
  const [ref] = refs;
  // Most addresses have one user, and need no index.
  if (user && users.length === 1 && ref && refs.length === 1) return isSameName(user, ref) ? [] : refs;
  const names = new Set(users.map(({ key }) => key));
  return refs.filter(({ namespace, name }) => !names.has(`${namespace}/${name}`));
}

/** Are the names equal? Then it is the same Service, or one that was created again with its name. */
export function isSameName(service: Pick<ServiceView, 'namespace' | 'name'>, ref: ServiceRef): boolean {
  return service.name === ref.name && service.namespace === ref.namespace;
}
