/** Waiting that ends early when the process is told to end. */
import { setTimeout as delay } from 'node:timers/promises';

/** Waits that many milliseconds, or until the signal aborts; never throws. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
