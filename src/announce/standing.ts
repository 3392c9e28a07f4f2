/**
 * Decides whether packets for an address are this cluster's business. Another host may have an address that Berth does
 * not announce, so no rule may touch its packets.
 */
import { type AllocationView, allocationCondition, allocationConditions } from '../api/allocation.ts';
import type { NotDesiredReason } from './desired-vips.ts';
import type { Placement } from './placements.ts';

/**
 * - `Announced`: a node of the cluster announces the address;
 * - `Contested`: the same, and another host claims it too (`ForeignClaim`); or another node holds it, and has not
 *   recorded yet whether it announces it;
 * - `Silent`: no node announces it.
 */
type Standing = 'Announced' | 'Contested' | 'Silent';

/** What this node knows of an address besides its entry. */
interface Known {
  /** What this node does with it; undefined before it was decided. */
  readonly placement: Placement | undefined;
  /** A link of this node has it, and this node's kernel answers for it. */
  readonly isOwn?: boolean;
  /** Why no node may announce it. */
  readonly unwanted: NotDesiredReason | undefined;
}

/** The standing of an address: by this node's own placement, and for addresses of other nodes by their records. */
export function standingOf(entry: AllocationView, { placement, unwanted, isOwn = false }: Known): Standing {
  if (placement?.kind === 'Withhold') return 'Silent';
  if (unwanted !== undefined && isNever(unwanted, placement)) return 'Silent';
  const isHere = placement?.kind === 'Announce' || placement?.kind === 'StandIn';
  const isAnnounced = isHere || recordOf(entry);
  // As long as no node announces it, it is an address of this node, whatever a Service requests.
  if (isAnnounced === false || (isOwn && isAnnounced === undefined)) return 'Silent';
  if (isAnnounced === undefined && placement !== undefined)
    return placement.holder === undefined ? 'Silent' : 'Contested';
  const conflict = allocationCondition(entry, allocationConditions.conflict);
  return conflict?.reason === 'ForeignClaim' ? 'Contested' : 'Announced';
}

/** With the policy `Local` the holder goes on while there is no endpoint. Until a placement is decided, the status may still be on its way. */
function isNever(reason: NotDesiredReason, placement: Placement | undefined): boolean {
  return reason !== 'NoLocalEndpoints' && !(reason === 'NotInStatus' && placement === undefined);
}

/** Is it announced, by the record? undefined: nothing is recorded. */
function recordOf(entry: AllocationView): boolean | undefined {
  const announced = allocationCondition(entry, allocationConditions.announced);
  if (announced !== undefined) return announced.status === 'True';
  return entry.recorded?.since === undefined ? undefined : true;
}
