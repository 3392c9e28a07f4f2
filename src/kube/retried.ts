/** Repeats the requests of commands that run once, such as the hooks of the chart. A passing fault must not end an upgrade half-way. */
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { ApiError } from './client.ts';

/** How long attempts are repeated. */
interface Patience {
  readonly log: Pick<Logger, 'warn'>;
  readonly signal: AbortSignal;
}

const pauseMs = { first: 250, most: 4_000 } as const;
/** Longer than the restart of an API server. */
const mostMs = 60_000;

/**
 * Repeats an attempt as long as the API server does not answer, or is busy, for up to a minute. Rejects with the last failure, and at once
 * with any other one.
 */
export async function retried<T>(attempt: () => Promise<T>, { log, signal }: Patience): Promise<T> {
  const endsAt = performance.now() + mostMs;
  for (let ms: number = pauseMs.first; ; ms = Math.min(2 * ms, pauseMs.most)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || signal.aborted || performance.now() + ms > endsAt) throw error;
      log.warn({ err: error, retryInMs: ms }, 'the API server did not answer as it should: trying again');
      await wait(ms, signal);
    }
  }
}

/** Does this failure pass by itself? No answer, too many requests, or a fault of the API server. */
function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status === 429 || error.status >= 500;
}
