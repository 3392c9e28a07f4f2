/**
 * Addresses that cannot be announced because another host uses them. Their Services get other addresses if no client can depend on
 * them yet.
 */
import { type AllocationView, allocationCondition, allocationConditions, wasAnnounced } from '../api/allocation.ts';
import type { Condition } from '../api/meta.ts';
import type { ServiceView } from '../api/service.ts';
import type { Slot } from './ledger/slot.ts';
import type { WorkingLedger } from './ledger/working-ledger.ts';
import type { Outcome } from './reasons.ts';
import type { RequestOf } from './requests.ts';

/** A Service is moved at most this often while the addresses that it left are reserved. After that an administrator must decide. */
const mostMoves = 3;

/**
 * The reasons of the condition `Conflict` that another address resolves. A conflict with a node of the cluster is temporary, so not
 * among them.
 */
const obstructions: ReadonlySet<string> = new Set(['AddressTaken', 'NetworkAddress']);

/** Why the address of an entry was never announced and cannot be announced; undefined if it was, or can be. */
export function obstructionOf(entry: AllocationView): Condition | undefined {
  if (wasAnnounced(entry)) return undefined;
  const conflict = allocationCondition(entry, allocationConditions.conflict);
  return conflict?.status === 'True' && obstructions.has(conflict.reason) ? conflict : undefined;
}

/** Takes these addresses from the Services that did not request them. */
export function leaveObstructed(
  ledger: WorkingLedger,
  evict: (service: ServiceView, slot: Slot, why: Outcome) => void,
  requestOf: RequestOf,
): void {
  const moves = movesOf(ledger);
  const asksFor = (service: ServiceView, { family, address }: Slot) =>
    requestOf(service).addresses.get(family) === address;
  for (const slot of ledger.slots.values()) {
    const why = slot.entry && obstructionOf(slot.entry);
    if (why === undefined) continue;
    for (const service of [...slot.users]) {
      if (asksFor(service, slot) || (moves.get(service.uid) ?? 0) >= mostMoves) continue;
      ledger.leave(slot, service);
      evict(service, slot, { reason: 'AddressConflict', message: why.message });
    }
  }
}

/** How often each Service was moved recently, by uid. */
function movesOf({ slots }: WorkingLedger): ReadonlyMap<string, number> {
  const moves = new Map<string, number>();
  for (const { entry } of slots.values()) {
    const uid = entry?.quarantine?.service.uid;
    if (uid !== undefined) moves.set(uid, (moves.get(uid) ?? 0) + 1);
  }
  return moves;
}
