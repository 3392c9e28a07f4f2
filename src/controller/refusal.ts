/**
 * What follows when the API server refuses a write because its object has changed since it was read. The event of that change may trigger
 * nothing, because it changes only fields that no view has. So the object is read again, and the loop decides again: at once, but not
 * without end if another program changes the object all the time.
 */
import type { Identity } from '../api/meta.ts';
import { hasStatus, isStale } from '../kube/client.ts';
import type { Informer, RawObject } from '../kube/informer.ts';
import { isNewer } from '../kube/view-store.ts';
import { LateWrite } from './late-write.ts';
import type { Writer } from './writer.ts';

/** The object of a refused write. */
interface Refused<R extends RawObject, V extends Identity> {
  readonly path: string;
  readonly informer: Informer<R, V>;
  /** The object as the decision knew it; undefined if the write was to create it. */
  readonly known: Identity | undefined;
  /** Finds the object at this path as the informer has it now; if absent, that is `known`. */
  readonly stored?: () => Identity | undefined;
}

/** The pause, in milliseconds, before the next decision about an object that the API server has in another version than the informer. */
export const unheardMs = 500;

/**
 * Updates the informer after a refusal, and throws a {@link LateWrite}. Throws the refusal itself if the object has not changed: then the
 * same write would be refused again.
 */
export async function throwLate<R extends RawObject, V extends Identity>(
  refusal: unknown,
  { path, informer, known, stored = () => known }: Refused<R, V>,
  writer: Writer,
): Promise<never> {
  const isGone = known !== undefined && hasStatus(refusal, 404);
  if (!isStale(refusal) && !isGone) throw refusal;
  const live = await readOrNothing<R>(path, writer);
  if (live?.metadata.resourceVersion === known?.resourceVersion) throw refusal;
  const former = stored();
  if (former && former.uid !== live?.metadata.uid) informer.store.remove(former.uid, former.resourceVersion);
  if (live !== undefined && informer.assume(live) === undefined) {
    throw new Error(`${live.metadata.name} has changed, and cannot be used any more`, { cause: refusal });
  }
  const heard = live && informer.store.get(live.metadata.uid)?.resourceVersion;
  if (live && known && live.metadata.uid === known.uid && isNewer(known.resourceVersion, live.metadata.resourceVersion))
    informer.relist();
  throw new LateWrite(path, heard === live?.metadata.resourceVersion ? 0 : unheardMs, refusal);
}

/**
 * Throws if a write has changed nothing, although it was to: a webhook has undone the change, or the API server does not know the field.
 * Such a write would be repeated without end.
 */
export function mustDiffer(
  written: { readonly metadata: { readonly name: string; readonly resourceVersion: string } },
  before: Identity | undefined,
): void {
  if (written.metadata.resourceVersion !== before?.resourceVersion) return;
  throw new Error(`${written.metadata.name} was written, but has not changed: a webhook or the CRD undoes the change`);
}

/** An object as the API server has it now; undefined if it has none. */
export async function readOrNothing<R>(path: string, { client, signal }: Writer): Promise<R | undefined> {
  try {
    return await client.json<R>({ path, signal });
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}
