/** How long rows wait for an expected state. */
import { eventually as poll } from '../../lab/poll.ts';

/** Long, because many rows run at once, and every kube-proxy must write the rules of all of them. */
const timeoutMs = 60_000;

/** Calls `fn` again and again until it returns an answer. Throws with the last failure if there is none in time. */
export const eventually = <T>(what: string, fn: () => Promise<T> | T) => poll(what, fn, { timeoutMs });
