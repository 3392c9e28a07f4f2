/** The reasons why a Service has its address or has none: one word each, the same in condition, Event, log and docs. */

/** Every outcome of an allocation, explained in `docs/reasons.md`. */
export const allocationReasons = [
  'Allocated',
  'PartiallyAllocated',
  'PoolRemoved',
  'NoPool',
  'PoolNotFound',
  'PoolNotAllowed',
  'PoolNotActive',
  'PoolExhausted',
  'QuotaExceeded',
  'AddressNotInPool',
  'AddressInUse',
  'AddressReserved',
  'AddressConflict',
  'InvalidRequest',
  'ConflictingRequest',
  'SharingConflict',
  'AdoptionConflict',
  'StatusContested',
  'InternalError',
] as const;

/** One of `allocationReasons`. */
type AllocationReason = (typeof allocationReasons)[number];

/** An outcome with a message for people. */
export interface Outcome {
  readonly reason: AllocationReason;
  readonly message: string;
}

/** Is this an outcome, and not the requested value? */
export function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'reason' in value;
}

/** The verdicts on a pool for a Service that needs an address, explained in `docs/reasons.md`. */
export const poolVerdicts = [
  'Chosen',
  'Available',
  'NotRequested',
  'NotForService',
  'RestrictedToStrictPools',
  'Cordoned',
  'Draining',
  'NotAutoAssign',
  'NoSuchFamily',
  'QuotaReached',
  'Exhausted',
] as const;

/** One of `poolVerdicts`. */
export type PoolVerdict = (typeof poolVerdicts)[number];
