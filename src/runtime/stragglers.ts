/** Writes that take longer than their sender waits for them: the trouble of one object must not delay the others. */
import { wait } from './wait.ts';

/** The object of a write. */
interface Written {
  readonly uid: string;
  /** The namespace of the object, or its kind if it has none. Such objects often have the same trouble, such as a webhook that hangs. */
  readonly group: string;
}

/** A write is waited for this long. A webhook may hang for 30 s. */
const patienceMs = 2_000;
/** So many writes may be under way in a group whose writes take long, and so many if a write is repeated. None of them is waited for. */
const mostOfSlow = { all: 64, repeated: 4 } as const;
/** When so many writes are under way, the API server is slow for all objects, and each write is waited for. Its queue for one client is longer. */
const most = 160;

/** The writes that are not waited for any more. */
export class Stragglers {
  readonly #underWay = new Map<string, Written & { readonly ended: Promise<void> }>();
  /** The groups whose writes take long. */
  readonly #slow = new Set<string>();

  /** May a write of this object begin? Not while another one is under way, or too many of its group. */
  isFree({ uid, group }: Written, { isRepeated }: { readonly isRepeated: boolean }): boolean {
    if (this.#underWay.has(uid)) return false;
    return !this.#slow.has(group) || this.#countOf(group) < mostOfSlow[isRepeated ? 'repeated' : 'all'];
  }

  /** Is a write of this object under way? */
  has(uid: string): boolean {
    return this.#underWay.has(uid);
  }

  /** Waits for a write of an object, but not for long. The write must not reject. */
  async waitFor({ uid, group }: Written, write: Promise<void>): Promise<void> {
    const over = new AbortController();
    const startedAt = performance.now();
    const ended = write.finally(() => {
      over.abort();
      const isFast = performance.now() - startedAt < patienceMs;
      if (isFast && this.#countOf(group, uid) === 0) this.#slow.delete(group);
    });
    if (!this.#slow.has(group)) await wait(patienceMs, over.signal);
    if (over.signal.aborted) return;
    this.#slow.add(group);
    if (this.#underWay.size >= most) return ended;
    this.#underWay.set(uid, { uid, group, ended: ended.finally(() => this.#underWay.delete(uid)) });
  }

  /** Waits until no write is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map(({ ended }) => ended));
  }

  /** The writes under way in a group, without that of one object. */
  #countOf(group: string, without?: string): number {
    return [...this.#underWay.values()].filter((one) => one.group === group && one.uid !== without).length;
  }
}
