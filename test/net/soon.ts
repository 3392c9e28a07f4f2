/** Waits for what a kernel or a program in a namespace does: mostly a few milliseconds, and much longer on a machine that does much else. */
import { eventually } from '../lab/poll.ts';

/** As `eventually`, but asks more often. */
export function soon<T>(what: string, fn: () => Promise<T> | T) {
  return eventually(what, fn, { everyMs: 25 });
}
