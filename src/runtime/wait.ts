/** Waiting that ends early when a signal aborts. */
import { setTimeout as delay } from 'node:timers/promises';

/** Waits for this many milliseconds, or until the signal aborts. Never throws. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
