/** Views by uid, the newest version of each: what watches bring and what our own writes returned, in any order. */
import type { Identity } from '../api/meta.ts';

/** The views of one kind. */
export class ViewStore<V extends Identity> {
  #views = new Map<string, V>();
  /** Uids that are gone for good: an event of before the delete must not bring them back. A list starts anew. */
  #gone = new Set<string>();

  /** All views. */
  values(): readonly V[] {
    return [...this.#views.values()];
  }

  /** The view of an object, if it is known. */
  get(uid: string): V | undefined {
    return this.#views.get(uid);
  }

  /** Takes in a view unless a newer version is known or the object is gone. */
  put(view: V): void {
    const known = this.#views.get(view.uid);
    if (this.#gone.has(view.uid) || (known !== undefined && !isNewer(view, known))) return;
    this.#views.set(view.uid, view);
  }

  /** The object is there but does not matter now; a later version may. */
  forget(uid: string): void {
    this.#views.delete(uid);
  }

  /** The object is gone for good. */
  remove(uid: string): void {
    this.#views.delete(uid);
    this.#gone.add(uid);
  }

  /** Takes in a whole list. */
  replace(views: readonly V[]): void {
    this.#views = new Map(views.map((view) => [view.uid, view]));
    this.#gone = new Set();
  }
}

/** Resource versions of one kind compare as decimal numbers (Kubernetes 1.35 and later promise it, etcd always did it). */
function isNewer(a: Identity, b: Identity): boolean {
  const [x, y] = [a.resourceVersion, b.resourceVersion];
  return x.length === y.length ? x > y : x.length > y.length;
}
