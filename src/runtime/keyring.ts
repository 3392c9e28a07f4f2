/** The keys of signed datagrams: one signs, and several are accepted. Pure: the time is an argument, in milliseconds. */

/**
 * After this time every node has read a changed key file: the kubelet brings a changed Secret to its Pods within its sync period of a minute,
 * and the time of its cache, another minute.
 */
const spreadMs = 180_000;
/** A node that reads a changed file that much later signs with a former key for that much longer. */
const acceptedMs = 2 * spreadMs;

/** The keys in the file, and those that were in it until lately. */
export class Keyring {
  #keys: readonly Buffer[];
  #signing: Buffer;
  /** Until when {@link #signing} signs although it is not in the file any more. */
  #signsUntil = Number.NEGATIVE_INFINITY;
  /** Keys that are not in the file any more, and until when they are accepted. */
  #former: readonly { readonly key: Buffer; readonly until: number }[] = [];

  /** The keys of the file, at least one. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
    this.#signing = firstOf(keys);
  }

  /**
   * The file has other keys now. If one of them was in it before, the other nodes know that one: it may sign, and a key that was removed
   * is not accepted any more. If none was, all keys were replaced at once, and the other nodes may not have read that yet: the former key
   * signs until they have, and the former keys are accepted until then.
   */
  replace(keys: readonly Buffer[], now: number): void {
    const signing = this.signing(now);
    const known = keys.filter((key) => has(this.#keys, key));
    const former = this.#former.filter(({ key, until }) => until > now && !has(keys, key));
    const until = now + acceptedMs;
    this.#former =
      known.length > 0 ? former : [...former.map(({ key }) => key), ...this.#keys].map((key) => ({ key, until }));
    if (has(keys, signing)) this.#signing = firstOf(keys);
    else if (known.length === 0) this.#signsUntil = now + spreadMs;
    else if (has(this.#keys, signing)) this.#signing = firstOf(known);
    this.#keys = keys;
  }

  /** The key that signs. */
  signing(now: number): Buffer {
    if (!has(this.#keys, this.#signing) && now >= this.#signsUntil) this.#signing = firstOf(this.#keys);
    return this.#signing;
  }

  /** The keys whose signatures are accepted. */
  accepted(now: number): readonly Buffer[] {
    return [...this.#keys, ...this.#former.filter(({ until }) => until > now).map(({ key }) => key)];
  }
}

function has(keys: readonly Buffer[], wanted: Buffer): boolean {
  return keys.some((key) => key.equals(wanted));
}

function firstOf([first]: readonly Buffer[]): Buffer {
  if (first === undefined) throw new Error('there must be a key');
  return first;
}
