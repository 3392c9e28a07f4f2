/** Why a Service has its address, or why it has none: one word each, the same in condition, Event, log and docs. */

/** Every outcome of an allocation. `docs/reasons.md` explains each. */
export const allocationReasons = [
  'Allocated',
  'NoPool',
  'PoolExhausted',
  'AddressNotInPool',
  'AddressInUse',
  'InvalidRequest',
  'FamilyNotServed',
  'StatusContested',
] as const;

/** One word of `allocationReasons`. */
export type AllocationReason = (typeof allocationReasons)[number];

/** An outcome with the sentence that a person reads. */
export interface Outcome {
  readonly reason: AllocationReason;
  readonly message: string;
}
