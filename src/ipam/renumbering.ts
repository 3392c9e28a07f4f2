/** Renumbering: Services leave addresses that an administrator marked, if the pool of the address is draining or gone. */

import type { Slot } from './ledger/slot.ts';
import type { PoolTable } from './pool-table.ts';

/**
 * Must the Services with this address get another one? An address of a pool that is not draining is never taken away, whatever its
 * entry says.
 */
export function mustRenumber({ entry, address, value }: Slot, table: PoolTable): boolean {
  if (entry?.renumber !== true) return false;
  const pool = table.poolOf(address, value);
  return pool === undefined || pool.state === 'Draining';
}
