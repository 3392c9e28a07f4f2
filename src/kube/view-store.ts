/** Views by uid, with the newest version of each. They come from watches and from the answers to writes, in any order. */
import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '../api/meta.ts';

/** Enough tombstones for all events that may arrive after the deletion of their object. */
const mostTombstones = 1_000;

/** The views of one kind. */
export class ViewStore<V extends Identity> {
  #views = new Map<string, V>();
  /** The versions at which objects were deleted, the oldest first: an earlier event must not bring an object back. */
  #gone = new Map<string, string>();
  /** The objects that were stored or removed since a list began; undefined while no list is under way. */
  #sinceBegin: Set<string> | undefined;
  #revision = 0;

  /** Changes whenever the content of the views changes. */
  get revision(): number {
    return this.#revision;
  }

  /** The number of views. */
  get size(): number {
    return this.#views.size;
  }

  /** All views. */
  values(): readonly V[] {
    return [...this.#views.values()];
  }

  /** The view of an object; undefined if it is not known. */
  get(uid: string): V | undefined {
    return this.#views.get(uid);
  }

  /** Stores a view, unless a newer version is known or the object was deleted later. True if the content changed. */
  put(view: V): boolean {
    const known = this.#views.get(view.uid);
    const latest = known?.resourceVersion ?? this.#gone.get(view.uid);
    if (latest !== undefined && !isNewer(view.resourceVersion, latest)) return false;
    this.#views.set(view.uid, view);
    this.#sinceBegin?.add(view.uid);
    const isChanged =
      known === undefined || !isDeepStrictEqual({ ...known, resourceVersion: '' }, { ...view, resourceVersion: '' });
    if (isChanged) this.#revision += 1;
    return isChanged;
  }

  /** Removes an object that was deleted, or no longer matters, at this version. True if it was known. */
  remove(uid: string, version: string): boolean {
    this.#sinceBegin?.add(uid);
    const before = this.#gone.get(uid);
    this.#gone.delete(uid);
    this.#gone.set(uid, before !== undefined && isNewer(before, version) ? before : version);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= mostTombstones) break;
      this.#gone.delete(oldest);
    }
    const isChanged = this.#views.delete(uid);
    if (isChanged) this.#revision += 1;
    return isChanged;
  }

  /** A list begins. {@link replace} ends it. */
  beginList(): void {
    this.#sinceBegin = new Set();
  }

  /**
   * Replaces the views by a list of this version. What was stored or removed since the list began stays if it is newer. Of everything
   * before that the list is right, whatever the versions are: they look newer if the API server was restored from a backup.
   */
  replace(views: readonly V[], version: string): void {
    const since = this.#sinceBegin ?? new Set();
    this.#sinceBegin = undefined;
    const newer = this.values().filter(
      ({ uid, resourceVersion }) => since.has(uid) && isNewer(resourceVersion, version),
    );
    const goneLater = [...this.#gone].filter(([uid, wentAt]) => since.has(uid) && isNewer(wentAt, version));
    this.#gone = new Map(goneLater);
    this.#views = new Map(views.filter(({ uid }) => !this.#gone.has(uid)).map((view) => [view.uid, view]));
    for (const view of newer) this.#views.set(view.uid, view);
    this.#revision += 1;
  }
}

/** Is a resource version newer than another one? Resource versions of one kind compare as decimal numbers. Kubernetes 1.35 and later guarantee it; with etcd it was always so. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
