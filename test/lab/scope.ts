/** How many of the cluster tests run: a part for every day, or all of them. */

/** With BERTH_TESTS=all, every column of the matrix of promises and every repetition runs. */
export const isAll = process.env.BERTH_TESTS === 'all';

/** A number of repetitions: `all` if all tests run, otherwise `some`. */
export function times(some: number, all: number): number {
  return isAll ? all : some;
}
