/** How long rows wait for what they expect. */
import { eventually as poll } from '../../lab/poll.ts';

/** Many rows run at once, and every kube-proxy has the rules of all of them to write. */
const timeoutMs = 60_000;

/** Asks again and again until there is an answer; throws with the last failure when there is none in time. */
export const eventually = <T>(what: string, fn: () => Promise<T> | T) => poll(what, fn, { timeoutMs });
