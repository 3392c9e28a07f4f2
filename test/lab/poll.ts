/** Waits until a condition is true, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** For how long, and how often, to check. */
export interface PollOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** BERTH_PATIENCE multiplies the lab's time limits, for a machine that is slower than usual. */
const patience = Number(process.env.BERTH_PATIENCE ?? 1);

/** A timeout, in the unit of `usual`: longer than `usual` on a slow machine. */
export function patiently(usual: number): number {
  return usual * patience;
}

const defaultTimeoutMs = 30_000;
const defaultEveryMs = 100;

/** A result of `fn` that ends the wait. */
type Answer<T> = Exclude<T, undefined | false>;

/**
 * Calls `fn` repeatedly until it returns a value other than undefined or false. An error of `fn` is not final. At the
 * deadline `eventually` throws an Error with `what` and the last failure.
 */
export async function eventually<T>(
  what: string,
  fn: () => Promise<T> | T,
  options: PollOptions = {},
): Promise<Answer<T>> {
  const timeoutMs = patiently(options.timeoutMs ?? defaultTimeoutMs);
  const deadline = performance.now() + timeoutMs;
  let cause: unknown = new Error('not checked yet');
  for (;;) {
    try {
      const value = await fn();
      if (value !== undefined && value !== false) return value as Answer<T>;
      cause = new Error(`it gave ${value}`);
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`not within ${timeoutMs} ms: ${what}: ${reason}`, { cause });
    }
    await delay(options.everyMs ?? defaultEveryMs);
  }
}
