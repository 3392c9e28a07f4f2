/** How much is fuzzed: a little in every run of the tests, much more when BERTH_FUZZ_RUNS says so (CONTRIBUTING.md). */

/** Frames per property. */
export const fuzzRuns = Number(process.env.BERTH_FUZZ_RUNS ?? 20_000);
