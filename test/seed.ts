/** Where random choices begin: CI takes the number from the commit and prints it, so that a failure can be repeated. */
import assert from 'node:assert/strict';

/** A whole number of the environment. */
export function wholeNumber(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  assert.ok(Number.isSafeInteger(value), `${name}=${process.env[name]}: it must be a whole number`);
  return value;
}

/** `BERTH_SEED`; 1 without it. */
export const berthSeed = wholeNumber('BERTH_SEED', 1);
