/** What has happened since the API server remembers, and those who watch it. */
import { type ApiObject, frozen } from './objects.ts';
import { expired, type Refusal, statusBody } from './refusals.ts';
import type { Selector } from './selectors.ts';

/** What a watch is told. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

/** Who watches. */
export interface Listener {
  event(event: WatchEvent): void;
  /** The API server ends the watch. */
  ended(): void;
}

/** One change. Of a deletion, `after` is missing, and `last` is the object with the version that it went with. */
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

/** The changes, and who is told of them. */
export class History {
  #changes: Change[] = [];
  #oldest: number;
  readonly #watches = new Set<Watch>();

  constructor(revision: number) {
    this.#oldest = revision;
  }

  /** A change has happened. */
  note(change: Change): void {
    this.#changes.push(change);
    for (const watch of [...this.#watches]) tell(watch, change);
  }

  /** Changes after a version, the newest first. Throws where it is too long ago. */
  since(revision: number, collection: string): readonly Change[] {
    if (revision < this.#oldest) throw expired(revision, this.#oldest);
    return this.#changes.filter((change) => change.revision > revision && change.collection === collection).reverse();
  }

  /** Begins to tell a watch; of what it has missed first. */
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

  /** Tells those who want it how far they have come. */
  bookmark(revision: number): void {
    for (const { bookmarks, kind, listener } of [...this.#watches]) {
      const object = { ...kind, metadata: { resourceVersion: String(revision), creationTimestamp: null } };
      if (bookmarks) listener.event({ type: 'BOOKMARK', object });
    }
  }

  /** Forgets everything up to a version. */
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

  /** Ends all watches with an error, as an API server does that cannot go on. */
  fail(code: number, reason: string): void {
    for (const { listener } of this.#watches) {
      listener.event({ type: 'ERROR', object: statusBody(code, reason, { message: reason }) });
    }
    this.end();
  }
}

/** An object that comes into the selection is new to the watch, and one that leaves it is gone. */
function tell({ collection, after, chooses, listener }: Watch, change: Change): void {
  if (change.collection !== collection || change.revision <= after) return;
  const was = change.before !== undefined && chooses(change.before);
  const is = change.after !== undefined && chooses(change.after);
  if (is) listener.event({ type: was ? 'MODIFIED' : 'ADDED', object: change.after });
  else if (was) listener.event({ type: 'DELETED', object: leaving(change) });
}

/** The object as it was, with the version of now. */
function leaving({ before, after, last }: Change): ApiObject {
  if (after === undefined || before === undefined) return last;
  const { resourceVersion } = last.metadata;
  return frozen({ ...before, metadata: { ...before.metadata, resourceVersion } });
}
