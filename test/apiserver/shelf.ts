/** The objects of the API server, their common revision counter, and the history of their changes. */
import { type Change, History } from './history.ts';
import { type Kind, kinds } from './kinds.ts';
import { type ApiMeta, type ApiObject, frozen } from './objects.ts';
import { isSame } from './writing.ts';

/** A backup, like a snapshot of etcd. */
export interface Backup {
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, ApiObject>>;
  readonly revision: number;
}

type Place = Pick<ApiMeta, 'name'> & { readonly namespace?: string | undefined };

/** Stores objects. The objects that it returns are shared and frozen. */
export class Shelf {
  readonly #onChange: (change: Change) => void;
  #objects = new Map([...kinds.keys()].map((collection) => [collection, new Map<string, ApiObject>()]));
  #history: History;
  #revision: number;

  constructor(revision: number, onChange: (change: Change) => void) {
    this.#revision = revision;
    this.#history = new History(revision);
    this.#onChange = onChange;
  }

  /** The version of the last change. */
  get revision(): number {
    return this.#revision;
  }

  /** The changes, and the open watches. */
  get history(): History {
    return this.#history;
  }

  /** One object. */
  get(kind: Pick<Kind, 'collection'>, place: Place): ApiObject | undefined {
    return this.#in(kind).get(keyOf(place));
  }

  /**
   * Stores an object, in place of the one before if there is one. An equal object changes nothing. An object that is
   * being deleted and has no finalizer left is removed.
   */
  store(kind: Kind, before: ApiObject | undefined, after: ApiObject): ApiObject {
    if (before !== undefined && isSame(before, after)) return before;
    const { deletionTimestamp, finalizers = [] } = after.metadata;
    if (deletionTimestamp && finalizers.length === 0) return this.remove(kind, before, after);
    const stored = this.#stamped(after);
    this.#in(kind).set(keyOf(stored.metadata), stored);
    this.#note({ collection: kind.collection, before, after: stored, last: stored });
    return stored;
  }

  /** Removes an object. `last` is its final content. */
  remove(kind: Kind, before: ApiObject | undefined, last: ApiObject): ApiObject {
    const gone = this.#stamped(last);
    this.#in(kind).delete(keyOf(gone.metadata));
    this.#note({ collection: kind.collection, before, after: undefined, last: gone });
    return gone;
  }

  /** All objects of a kind, in the order of a list, at a version. Later changes are undone. */
  sorted(kind: Pick<Kind, 'collection'>, revision = this.#revision): readonly ApiObject[] {
    const then = new Map(this.#in(kind));
    const since = revision === this.#revision ? [] : this.#history.since(revision, kind.collection);
    for (const { before, last } of since) {
      if (before) then.set(keyOf(last.metadata), before);
      else then.delete(keyOf(last.metadata));
    }
    return [...then.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** A backup of the present state. */
  snapshot(): Backup {
    return { objects: copyOf(this.#objects), revision: this.#revision };
  }

  /** Restores a backup, including its version. All watches end. */
  restore({ objects, revision }: Backup): void {
    this.#history.end();
    this.#objects = copyOf(objects);
    this.#revision = revision;
    this.#history = new History(revision);
  }

  #note(change: Omit<Change, 'revision'>): void {
    const noted = { ...change, revision: this.#revision };
    this.#history.note(noted);
    this.#onChange(noted);
  }

  #stamped(object: ApiObject): ApiObject {
    this.#revision += 1;
    return frozen({ ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } });
  }

  #in({ collection }: Pick<Kind, 'collection'>): Map<string, ApiObject> {
    const all = this.#objects.get(collection) ?? new Map<string, ApiObject>();
    this.#objects.set(collection, all);
    return all;
  }
}

/** The key of an object among the objects of its kind. Lists are in the order of these keys. */
export function keyOf({ namespace, name }: Place): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function copyOf(objects: Backup['objects']): Map<string, Map<string, ApiObject>> {
  return new Map([...objects].map(([collection, all]) => [collection, new Map(all)]));
}
