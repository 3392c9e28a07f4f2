/** When a Service leaves an address that it has: for another request, or because an administrator wants it. */

import type { ServiceView } from '../api/service.ts';
import { isOfRequestedPool } from './ledger/record.ts';
import type { Slot } from './ledger/slot.ts';
import type { PoolTable } from './pool-table.ts';
import type { RequestOf } from './requests.ts';

/**
 * Must the Services with this address get another one? An address of a pool that is not draining is never taken away, whatever its
 * entry says.
 */
export function mustRenumber({ entry, address, value }: Slot, table: PoolTable): boolean {
  if (entry?.renumber !== true) return false;
  const pool = table.poolOf(address, value);
  return pool === undefined || pool.state === 'Draining';
}

/**
 * Must the Service get another address than this one, which it has? Either it requests another one, or it must leave this one and does not
 * request it.
 */
export function wantsAnother(
  service: ServiceView,
  slot: Slot,
  { table, requestOf }: { readonly table: PoolTable; readonly requestOf: RequestOf },
): boolean {
  const request = requestOf(service);
  const wanted = request.addresses.get(slot.family);
  if (wanted !== undefined) return wanted !== slot.address;
  return mustRenumber(slot, table) || !isOfRequestedPool(service, slot, request);
}
