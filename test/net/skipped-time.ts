/** A clock of this process that a test can put forward, so that nothing waits for what only time brings. Timers are as ever. */
import { mock } from 'node:test';

let skippedMs = 0;
const now = performance.now.bind(performance);
mock.method(performance, 'now', () => now() + skippedMs);

/** From now on so many milliseconds more have passed. */
export function skipTime(ms: number): void {
  skippedMs += ms;
}
