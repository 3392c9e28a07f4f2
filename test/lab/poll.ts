/** Waits for something to become true, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** How long and how often to ask. */
export interface PollOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** On a machine that is so many times slower than usual, everybody waits so many times longer. */
const patience = Number(process.env.BERTH_PATIENCE ?? 1);

/** A time to wait at most, milliseconds or seconds: `usual`, and more on a slow machine. */
export function patiently(usual: number): number {
  return usual * patience;
}

const defaultTimeoutMs = 30_000;
const defaultEveryMs = 100;

/** What a value of `fn` is once it counts as an answer. */
type Answer<T> = Exclude<T, undefined | false>;

/**
 * Asks `fn` again and again until it throws no more and gives something other than undefined or false.
 * At the deadline it throws an Error that names `what` and the last failure.
 */
export async function eventually<T>(
  what: string,
  fn: () => Promise<T> | T,
  options: PollOptions = {},
): Promise<Answer<T>> {
  const timeoutMs = patiently(options.timeoutMs ?? defaultTimeoutMs);
  const deadline = performance.now() + timeoutMs;
  let cause: unknown = new Error('it was not so yet');
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
