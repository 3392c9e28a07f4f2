/**
 * The number of fuzzed inputs: small in every test run, much larger if BERTH_FUZZ_RUNS sets it
 * (CONTRIBUTING.md).
 */

/** Frames per property. */
export const fuzzRuns = Number(process.env.BERTH_FUZZ_RUNS ?? 20_000);
