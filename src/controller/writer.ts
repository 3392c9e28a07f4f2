/** Writes many objects in parallel. A failed write is tried again for that object alone. */
import type { Identity } from '../api/meta.ts';
import type { StatusContext } from '../ipam/status.ts';
import { ApiError, type Requests } from '../kube/client.ts';
import type { EventSender, Regarding } from '../kube/events.ts';
import type { Backoff } from '../runtime/backoff.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Loop } from '../runtime/loop.ts';
import { inParallel } from '../runtime/parallel.ts';
import type { Stragglers } from '../runtime/stragglers.ts';
import type { InEffect } from './in-effect.ts';
import { LateWrite } from './late-write.ts';
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
  readonly stragglers: Stragglers;
  readonly loop: Loop;
  /** Aborts when this process must no longer act. */
  readonly signal: AbortSignal;
}

/** About the number of requests that the API server serves in parallel for one client, by its defaults (API Priority and Fairness). */
const writesAtOnce = 16;
/** So many late writes in a row are repeated at once: other programs often change a new object several times. */
const lateAtOnce = 3;
/**
 * An Event exists for an hour. It is sent at the second failure in a row, because the first one may pass by itself, and again after so many
 * failures, which are about a quarter of an hour.
 */
const failuresPerEvent = 16;

/** The object of a write. */
type Target = Identity & { readonly namespace?: string };

/** Writes of one kind of object. */
interface Writes<T> {
  readonly kind: 'Service' | 'IPAddressPool' | 'IPAllocation';
  readonly of: (item: T) => Target;
  readonly write: (item: T) => Promise<void>;
}

/** Is it time to write to this object? Not too soon after a failure, and not while too many earlier writes are under way. */
export function isDue({ uid }: Target, group: string, { backoff, stragglers }: Writer): boolean {
  return backoff.isDue(uid) && stragglers.isFree({ uid, group }, { isRepeated: backoff.failures(uid) > 0 });
}

/**
 * Calls `write` for each item whose object is due, those whose last write failed at the end. A failure is logged, and triggers the loop when
 * the object is due again. A write that takes long is not waited for.
 */
export async function writeEach<T>(writer: Writer, items: readonly T[], { kind, of, write }: Writes<T>): Promise<void> {
  const { backoff, log, loop, signal, stragglers } = writer;
  const attempt = async (item: T) => {
    const { name, uid } = of(item);
    try {
      await write(item);
      backoff.forget(uid);
    } catch (error) {
      if (signal.aborted) return;
      const isLate = error instanceof LateWrite;
      const isNews = backoff.failures(uid) % failuresPerEvent === 1;
      const retryInMs = Math.max(isLate ? error.pauseMs : 0, backoff.failed(uid, isLate ? lateAtOnce : 0));
      if (isLate) log.info({ object: name, retryInMs }, 'object changed since it was read');
      else log.warn({ object: name, retryInMs, err: error }, 'write failed');
      if (retryInMs === 0) loop.trigger();
      else loop.triggerIn(retryInMs);
      if (isNews && isOfObject(error)) await sendRefusal(error, regardingOf(kind, of(item)), writer);
    }
    // What has changed during a long write was not written.
    if (stragglers.has(uid)) loop.trigger();
  };
  const groupOf = (item: T) => of(item).namespace ?? kind;
  const due = items.filter((item) => isDue(of(item), groupOf(item), writer));
  const hasFailed = (item: T) => backoff.failures(of(item).uid) > 0;
  const ordered = [...due.filter((item) => !hasFailed(item)), ...due.filter(hasFailed)];
  const effect = async (item: T) => {
    // Of a group whose writes take long, too many may be under way by now. The end of each of them triggers the loop.
    const [{ uid }, group] = [of(item), groupOf(item)];
    if (isDue(of(item), group, writer)) await stragglers.waitFor({ uid, group }, attempt(item));
  };
  await inParallel(ordered, effect, { limit: writesAtOnce, signal });
}

/** Is the object the cause, or a webhook or quota for it? A server that does not answer, or is busy, tells nothing about the object. */
function isOfObject(error: unknown): error is Error {
  if (error instanceof LateWrite) return false;
  if (!(error instanceof ApiError))
    return error instanceof Error && !('code' in error) && error.name !== 'TimeoutError';
  const { status, message } = error;
  return status < 500 ? ![401, 404, 429].includes(status) : message.includes('webhook');
}

/** The reason must be visible where people look for it: at the object, since its status cannot tell it. */
async function sendRefusal({ message }: Error, regarding: Regarding, { events }: Writer): Promise<void> {
  await events.send({ regarding, type: 'Warning', reason: 'NotWritten', action: 'Write', note: message });
}

function regardingOf(kind: Writes<never>['kind'], { namespace, name, uid }: Target): Regarding {
  const apiVersion = kind === 'Service' ? 'v1' : 'berth.dev/v1beta1';
  return { apiVersion, kind, name, uid, ...(namespace !== undefined && { namespace }) };
}
