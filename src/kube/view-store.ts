/** Views by uid, the newest version of each: what watches bring and what our own writes returned, in any order. */
import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '../api/meta.ts';

/** Enough to outlast events that are on their way when an object goes. */
const mostTombstones = 1_000;

/** The views of one kind. */
export class ViewStore<V extends Identity> {
  #views = new Map<string, V>();
  /** Objects that are gone, and the version they went with: an event of before must not bring them back. The oldest come first. */
  #gone = new Map<string, string>();
  #revision = 0;

  /** Another number whenever the views say something else. */
  get revision(): number {
    return this.#revision;
  }

  /** How many there are. */
  get size(): number {
    return this.#views.size;
  }

  /** All views. */
  values(): readonly V[] {
    return [...this.#views.values()];
  }

  /** The view of an object, if it is known. */
  get(uid: string): V | undefined {
    return this.#views.get(uid);
  }

  /** Takes in a view unless a newer version is known or the object went later. True if it says something new. */
  put(view: V): boolean {
    const known = this.#views.get(view.uid);
    const latest = known?.resourceVersion ?? this.#gone.get(view.uid);
    if (latest !== undefined && !isNewer(view.resourceVersion, latest)) return false;
    this.#views.set(view.uid, view);
    const isNews =
      known === undefined || !isDeepStrictEqual({ ...known, resourceVersion: '' }, { ...view, resourceVersion: '' });
    if (isNews) this.#revision += 1;
    return isNews;
  }

  /** The object is gone, or does not matter any more, as of this version. True if it was known. */
  remove(uid: string, version: string): boolean {
    this.#gone.delete(uid);
    this.#gone.set(uid, version);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= mostTombstones) break;
      this.#gone.delete(oldest);
    }
    const isNews = this.#views.delete(uid);
    if (isNews) this.#revision += 1;
    return isNews;
  }

  /** Forgets everything, as before the first list. */
  clear(): void {
    this.#views.clear();
    this.#gone.clear();
    this.#revision += 1;
  }

  /** Takes in a whole list as of a version; what is known to be newer than the list stays. */
  replace(views: readonly V[], version: string): void {
    const newer = this.values().filter((view) => isNewer(view.resourceVersion, version));
    const goneLater = [...this.#gone].filter(([, wentAt]) => isNewer(wentAt, version));
    this.#gone = new Map(goneLater);
    this.#views = new Map(views.filter(({ uid }) => !this.#gone.has(uid)).map((view) => [view.uid, view]));
    for (const view of newer) this.#views.set(view.uid, view);
    this.#revision += 1;
  }
}

/** Resource versions of one kind compare as decimal numbers (Kubernetes 1.35 and later promise it, etcd always did it). */
function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
