/** Writes that take longer than their sender waits for them: the trouble of one object must not delay the others. */
import { wait } from './wait.ts';

/** The object of a write. */
interface Written {
  readonly uid: string;
  /** Objects with the same namespace often have the same trouble, such as a webhook that hangs. Absent for objects of the cluster. */
  readonly namespace?: string;
}

/** A write is waited for this long. A webhook may hang for 30 s. */
const patienceMs = 2_000;
/** So many writes may be under way in a namespace whose writes take long, with so many that are repeated. None of them is waited for. */
const mostOfSlow = { all: 64, repeated: 4 } as const;
/** When so many writes are under way, the API server is slow for all objects, and each write is waited for. Its queue for one client is longer. */
const most = 160;

/** The writes that are not waited for any more. */
export class Stragglers {
  readonly #underWay = new Map<string, Written & { readonly ended: Promise<void> }>();
  /** The namespaces in which writes take long. */
  readonly #slow = new Set<string | undefined>();

  /** May a write of this object begin? Not while another one is under way, or too many of its namespace. */
  isFree({ uid, namespace }: Written, { isRepeated }: { readonly isRepeated: boolean }): boolean {
    if (this.#underWay.has(uid)) return false;
    return !this.#slow.has(namespace) || this.#countOf(namespace) < mostOfSlow[isRepeated ? 'repeated' : 'all'];
  }

  /** Is a write of this object under way? */
  has(uid: string): boolean {
    return this.#underWay.has(uid);
  }

  /** Waits for a write of an object, but not for long. The write must not reject. */
  async waitFor({ uid, namespace }: Written, write: Promise<void>): Promise<void> {
    const over = new AbortController();
    const startedAt = performance.now();
    const ended = write.finally(() => {
      over.abort();
      const isFast = performance.now() - startedAt < patienceMs;
      if (isFast && this.#countOf(namespace, uid) === 0) this.#slow.delete(namespace);
    });
    if (!this.#slow.has(namespace)) await wait(patienceMs, over.signal);
    if (over.signal.aborted) return;
    this.#slow.add(namespace);
    if (this.#underWay.size >= most) return ended;
    const straggler = { uid, ended: ended.finally(() => this.#underWay.delete(uid)) };
    this.#underWay.set(uid, namespace === undefined ? straggler : { ...straggler, namespace });
  }

  /** Waits until no write is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map(({ ended }) => ended));
  }

  /** The writes under way in a namespace, without that of one object. */
  #countOf(namespace: string | undefined, without?: string): number {
    return [...this.#underWay.values()].filter((one) => one.namespace === namespace && one.uid !== without).length;
  }
}
