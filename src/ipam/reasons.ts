/** Why a Service has its address, or why it has none: one word each, the same in condition, Event, log and docs. */

/** Every outcome of an allocation. `docs/reasons.md` explains each. */
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
] as const;

/** One word of `allocationReasons`. */
export type AllocationReason = (typeof allocationReasons)[number];

/** An outcome with the sentence that a person reads. */
export interface Outcome {
  readonly reason: AllocationReason;
  readonly message: string;
}

/** Is this an outcome, not what was hoped for? */
export function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'reason' in value;
}

/** What became of a pool when a Service looked for an address. `docs/reasons.md` explains each. */
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

/** One word of `poolVerdicts`. */
export type PoolVerdict = (typeof poolVerdicts)[number];

/** What people write may be 256 KiB long; what people read need not. */
export function brief(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}

/** A list for people, cut where it gets long. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map(brief).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}
