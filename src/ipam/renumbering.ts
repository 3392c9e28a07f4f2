/** Addresses that a person wants to be left: who has one gets another, where its pool is on its way out. */

import type { PoolTable } from './pool-table.ts';
import type { Slot } from './working-ledger.ts';

/** Is whoever has this address to get another one? An address of a pool that goes on is never taken from anybody, whatever its entry says. */
export function mustRenumber({ entry, address, value }: Slot, table: PoolTable): boolean {
  if (entry?.renumber !== true) return false;
  const pool = table.poolOf(address, value);
  return pool === undefined || pool.state === 'Draining';
}
