/** Tells what the lab is doing and how long it took. */
import { performance } from 'node:perf_hooks';

/** Takes one line for a person to read. */
export type Log = (line: string) => void;

/** A task that takes longer than this gets a line that it has started. */
const slowMs = 2000;

/** Runs `task` and logs "`what` 3.1 s" at its end, and a line before that when it is slow. */
export async function phase<T>(log: Log, what: string, task: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const slow = setTimeout(() => log(`${what} ...`), slowMs);
  try {
    const value = await task();
    log(`${what} ${seconds(start)}`);
    return value;
  } finally {
    clearTimeout(slow);
  }
}

/** The time since `start` (of performance.now()), as text. */
export function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
