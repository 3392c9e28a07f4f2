/** Logs what the lab does, and how long it takes. */
import { performance } from 'node:perf_hooks';

/** Logs one line for a person to read. */
export type Log = (line: string) => void;

/** If a task takes longer than this, a line says that it has started. */
const slowMs = 2000;

/** Runs `task`, and logs "`what` 3.1 s" at its end. If it is slow, also logs a line before its end. */
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
