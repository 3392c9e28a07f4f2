/** The variables by which the runner speaks to a set-up and to the files of tests. */

/** Tells the set-up which files run, a line each. */
export const filesVariable = 'BERTH_TEST_FILES';

/** Tells the set-up how many files run at a time. */
export const lanesVariable = 'BERTH_LANES';

/** Tells a file in which lane it runs, from 1: no other file runs there at that time. */
export const laneVariable = 'BERTH_LANE';

/** The number in one of them; 1 without it, as where a file is run by hand. */
export function numberIn(variable: typeof lanesVariable | typeof laneVariable): number {
  return Number(process.env[variable] ?? 1);
}
