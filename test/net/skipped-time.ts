/**
 * A clock for this process that a test can move forward, so that no test waits for time to pass.
 * Timers are not affected.
 */
import { mock } from 'node:test';

let skippedMs = 0;
const now = performance.now.bind(performance);
mock.method(performance, 'now', () => now() + skippedMs);

/** Moves the clock forward by this many milliseconds. */
export function skipTime(ms: number): void {
  skippedMs += ms;
}
