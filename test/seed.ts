/** Where random choices begin: CI takes the number from the commit and prints it, so that a failure can be repeated. */

/** `BERTH_SEED`, an integer; 1 without it. */
export const berthSeed = Number(process.env.BERTH_SEED ?? 1);
