/** Writes many objects in parallel. A failed write is tried again for that object alone. */
import type { Identity } from '../api/meta.ts';
import type { StatusContext } from '../ipam/status.ts';
import type { Requests } from '../kube/client.ts';
import type { EventSender } from '../kube/events.ts';
import type { Backoff } from '../runtime/backoff.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Loop } from '../runtime/loop.ts';
import { inParallel } from '../runtime/parallel.ts';
import type { InEffect } from './in-effect.ts';
import type { Informers } from './snapshot.ts';

/** Everything that the writes of one pass need. */
export interface Writer {
  readonly client: Requests;
  readonly log: Logger;
  readonly events: EventSender;
  readonly informers: Informers;
  readonly status: StatusContext;
  readonly inEffect: InEffect;
  readonly backoff: Backoff;
  readonly loop: Loop;
  /** Aborts when this process must no longer act. */
  readonly signal: AbortSignal;
}

/** About the number of requests that the API server serves in parallel for one client, by its defaults (API Priority and Fairness). */
const writesAtOnce = 16;

/** Calls `write` for each item whose object is due. A failure is logged, and triggers the loop when the object is due again. */
export async function writeEach<T>(
  writer: Writer,
  items: readonly T[],
  { of, write }: { readonly of: (item: T) => Identity; readonly write: (item: T) => Promise<void> },
): Promise<void> {
  const { backoff, log, loop, signal } = writer;
  const due = items.filter((item) => backoff.isDue(of(item).uid));
  const attempt = async (item: T) => {
    await write(item);
    backoff.forget(of(item).uid);
  };
  for (const { item, error } of await inParallel(due, attempt, { limit: writesAtOnce, signal })) {
    if (signal.aborted) return;
    const { name, uid } = of(item);
    const retryInMs = backoff.failed(uid);
    log.warn({ object: name, retryInMs, err: error }, 'write failed');
    loop.triggerIn(retryInMs);
  }
}
