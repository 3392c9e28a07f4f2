/** The changes that the API server remembers, and the open watches. */
import { type ApiObject, frozen } from './objects.ts';
import { expired, type Refusal, statusBody } from './refusals.ts';
import type { Selector } from './selectors.ts';

/** An event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

/** The receiver of a watch's events. */
export interface Listener {
  event(event: WatchEvent): void;
  /** Called when the API server ends the watch. */
  ended(): void;
}

/** One change. For a deletion `after` is undefined, and `last` is the object with the version of the deletion. */
export interface Change {
  readonly collection: string;
  readonly revision: number;
  readonly before: ApiObject | undefined;
  readonly after: ApiObject | undefined;
  readonly last: ApiObject;
}

interface Watch {
  readonly collection: string;
  readonly after: number;
  readonly chooses: Selector;
  readonly bookmarks: boolean;
  readonly kind: { readonly kind: string; readonly apiVersion: string };
  readonly listener: Listener;
}

/** The changes, and the watches that get them. */
export class History {
  #changes: Change[] = [];
  #oldest: number;
  readonly #watches = new Set<Watch>();

  constructor(revision: number) {
    this.#oldest = revision;
  }

  /** Records a change, and sends it to the watches. */
  note(change: Change): void {
    this.#changes.push(change);
    for (const watch of [...this.#watches]) tell(watch, change);
  }

  /** The changes after a version, newest first. Throws if the version is too old. */
  since(revision: number, collection: string): readonly Change[] {
    if (revision < this.#oldest) throw expired(revision, this.#oldest);
    return this.#changes.filter((change) => change.revision > revision && change.collection === collection).reverse();
  }

  /** Opens a watch. It first gets the changes since its version. Returns a function that ends it. */
  watch(watch: Watch): () => void {
    try {
      for (const change of this.since(watch.after, watch.collection).toReversed()) tell(watch, change);
    } catch (error) {
      watch.listener.event({ type: 'ERROR', object: (error as Refusal).answer.body });
      watch.listener.ended();
      return () => undefined;
    }
    this.#watches.add(watch);
    return () => void this.#watches.delete(watch);
  }

  /** Sends a bookmark with a version to the watches that want bookmarks. */
  bookmark(revision: number): void {
    for (const { bookmarks, kind, listener } of [...this.#watches]) {
      const object = { ...kind, metadata: { resourceVersion: String(revision), creationTimestamp: null } };
      if (bookmarks) listener.event({ type: 'BOOKMARK', object });
    }
  }

  /** Forgets all changes up to a version. */
  compact(revision: number): void {
    this.#changes = this.#changes.filter((change) => change.revision > revision);
    this.#oldest = revision;
  }

  /** Ends all watches. */
  end(): void {
    const watches = [...this.#watches];
    this.#watches.clear();
    for (const { listener } of watches) listener.ended();
  }

  /** Ends all watches with an error, as an API server with an internal failure does. */
  fail(code: number, reason: string): void {
    for (const { listener } of this.#watches) {
      listener.event({ type: 'ERROR', object: statusBody(code, reason, { message: reason }) });
    }
    this.end();
  }
}

/** Sends a change to a watch. An object that the selector newly matches is ADDED; one that it no longer matches is DELETED. */
function tell({ collection, after, chooses, listener }: Watch, change: Change): void {
  if (change.collection !== collection || change.revision <= after) return;
  const was = change.before !== undefined && chooses(change.before);
  const is = change.after !== undefined && chooses(change.after);
  if (is) listener.event({ type: was ? 'MODIFIED' : 'ADDED', object: change.after });
  else if (was) listener.event({ type: 'DELETED', object: leaving(change) });
}

/** The object before the change, with the version of the change. */
function leaving({ before, after, last }: Change): ApiObject {
  if (after === undefined || before === undefined) return last;
  const { resourceVersion } = last.metadata;
  return frozen({ ...before, metadata: { ...before.metadata, resourceVersion } });
}
