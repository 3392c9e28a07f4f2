/** The seed of all random tests: from the commit in CI, another one in each run elsewhere. */
import { spawnSync } from 'node:child_process';

/** The variable that hands the seed to the tests, and repeats a run. */
export const seedVariable = 'BERTH_SEED';

/** The seed of this run, a whole number below 2^31. Without CI, and without the variable, it differs from run to run. */
export function seedOfRun(): number {
  if (process.env[seedVariable] !== undefined) return seed();
  if (process.env.CI === undefined) return Math.floor(Math.random() * 2 ** 31);
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  return Number.parseInt(stdout.slice(0, 7), 16) || 1;
}

/** The seed for a test: the runner's, or 1 where a file is run by hand. */
export function seed(): number {
  return wholeNumber(seedVariable, 1);
}

/** A whole number from the environment, or `byDefault` without it. Throws for what is none: a run with another seed would repeat nothing. */
export function wholeNumber(name: string, byDefault: number): number {
  const text = process.env[name];
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value)) throw new Error(`${name} is "${text}", not a whole number`);
  return value;
}
