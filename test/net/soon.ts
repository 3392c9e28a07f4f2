/**
 * Waits for an effect of a kernel or of a program in a namespace: usually a few milliseconds, and
 * much longer on a busy machine.
 */
import { eventually } from '../lab/poll.ts';

/** Like `eventually`, but checks more often. */
export function soon<T>(what: string, fn: () => Promise<T> | T) {
  return eventually(what, fn, { everyMs: 25 });
}
