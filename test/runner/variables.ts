/** Environment variables that the runner sets for a setup module and for test files. */

/** For the setup: the files that run, one on each line. */
export const filesVariable = 'BERTH_TEST_FILES';

/** For the setup: how many files run at a time. */
export const lanesVariable = 'BERTH_LANES';

/** For a test file: the lane in which it runs, from 1. No other file runs in that lane at the same time. */
export const laneVariable = 'BERTH_LANE';

/** The number in such a variable; 1 if it is not set, for example if a person runs the file without the runner. */
export function numberIn(variable: typeof lanesVariable | typeof laneVariable): number {
  return Number(process.env[variable] ?? 1);
}
