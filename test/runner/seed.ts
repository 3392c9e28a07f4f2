/** The seed of all random tests. In CI it is made from the commit; elsewhere every run has another one. */
import { spawnSync } from 'node:child_process';

/** The variable that passes the seed to the tests. Set it to repeat a run. */
export const seedVariable = 'BERTH_SEED';

/** The seed of this run, a whole number below 2^31. It differs from run to run, except in CI or with the variable set. */
export function seedOfRun(): number {
  if (process.env[seedVariable] !== undefined) return seed();
  if (process.env.CI === undefined) return Math.floor(Math.random() * 2 ** 31);
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  return Number.parseInt(stdout.slice(0, 7), 16) || 1;
}

/** The seed for a test: the runner's seed, or 1 if a person runs the file without the runner. */
export function seed(): number {
  return wholeNumber(seedVariable, 1);
}

/**
 * A whole number from the environment, or `byDefault` if the variable is not set. Throws if the value is not a
 * whole number: a run with another seed would repeat nothing.
 */
export function wholeNumber(name: string, byDefault: number): number {
  const text = process.env[name];
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value)) throw new Error(`${name} is "${text}", not a whole number`);
  return value;
}
