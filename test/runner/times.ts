/** How long each file took when it last ran: what takes longest is started first, so that no lane waits at the end for one file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../lab/cache.ts';

/** Milliseconds, by file. */
export type Times = Readonly<Record<string, number>>;

/** Where they are kept: JSON, for a person to read also. */
export function timesPath(): string {
  return join(cacheFolder(), 'test-times.json');
}

/** What is kept; nothing where there is no such file, or none that can be read. */
export function readTimes(path = timesPath()): Times {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Times;
  } catch {
    return {};
  }
}

/** Keeps what a run took, beside what earlier ones took. */
export function keepTimes(durations: Times, path = timesPath()): void {
  mkdirSync(dirname(path), { recursive: true });
  const sorted = Object.entries({ ...readTimes(path), ...durations }).sort(([, a], [, b]) => b - a);
  const rounded = sorted.map(([file, ms]) => [file, Math.round(ms)]);
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
}

/** The files, those that took longest first. A file that never ran here comes before all: it may be the longest. */
export function longestFirst(files: readonly string[], times: Times): readonly string[] {
  const took = (file: string) => times[file] ?? Number.MAX_VALUE;
  return files.toSorted((a, b) => took(b) - took(a));
}
