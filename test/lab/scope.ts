/** How much of the cluster's tests is run: a part that fits into every day, or all of it. */

/** BERTH_TESTS=all: every column of the matrix of promises, and every repetition. */
export const isAll = process.env.BERTH_TESTS === 'all';

/** A number of repetitions: `some`, or `all` of them where all is run. */
export function times(some: number, all: number): number {
  return isAll ? all : some;
}
