/** Values that are the same object as before while their inputs are the same, so that no caller has to compare them. */

interface Known<V> {
  readonly inputs: readonly unknown[];
  readonly value: V;
}

/** One value for each object. It is forgotten with the object. */
export class Memo<K extends object, V> {
  readonly #known = new WeakMap<K, Known<V>>();

  /** The value of an object. `make` is called for the first time, and when an input is not the same as in the call before. */
  of(key: K, inputs: readonly unknown[], make: () => V): V {
    const known = this.#known.get(key);
    if (known !== undefined && isSameList(known.inputs, inputs)) return known.value;
    const value = make();
    this.#known.set(key, { inputs, value });
    return value;
  }
}

/** Have two lists the same elements in the same order? Objects are compared by identity. */
export function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
