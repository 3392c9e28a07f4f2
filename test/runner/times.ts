/**
 * How long each test file took when it last ran. Files that take longest are started first, so that at the end
 * no lane waits for one long file.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../lab/cache.ts';

/** Milliseconds, by file. */
export type Times = Readonly<Record<string, number>>;

/** The file that stores the times: JSON, so that a person can read it too. */
export function timesPath(): string {
  return join(cacheFolder(), 'test-times.json');
}

/** The stored times. Empty if there is no such file, or if it cannot be read. */
export function readTimes(path = timesPath()): Times {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Times;
  } catch {
    return {};
  }
}

/** Stores the times of a run, and keeps the times of other files from earlier runs. */
export function keepTimes(durations: Times, path = timesPath()): void {
  mkdirSync(dirname(path), { recursive: true });
  const sorted = Object.entries({ ...readTimes(path), ...durations }).sort(([, a], [, b]) => b - a);
  const rounded = sorted.map(([file, ms]) => [file, Math.round(ms)]);
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
}

/** The files, sorted by time, longest first. A file that never ran here comes before all others: it may be the longest. */
export function longestFirst(files: readonly string[], times: Times): readonly string[] {
  const took = (file: string) => times[file] ?? Number.MAX_VALUE;
  return files.toSorted((a, b) => took(b) - took(a));
}
