/** Writes that take longer than their sender waits for them: the trouble of one object must not delay the others. */
import { wait } from './wait.ts';

/** A write is waited for this long. A webhook may hang for 30 s. */
const patienceMs = 2_000;
/** When so many writes are under way, the API server is slow for all objects, and each write is waited for. */
const most = 16;

/** The writes that are not waited for any more. */
export class Stragglers {
  readonly #underWay = new Map<string, Promise<void>>();

  /** Is a write of this object under way? */
  has(uid: string): boolean {
    return this.#underWay.has(uid);
  }

  /** Waits for a write of an object, but not for long. The write must not reject. */
  async waitFor(uid: string, write: Promise<void>): Promise<void> {
    const over = new AbortController();
    const ended = write.finally(() => over.abort());
    await wait(patienceMs, over.signal);
    if (over.signal.aborted) return;
    if (this.#underWay.size >= most) return ended;
    this.#underWay.set(
      uid,
      ended.finally(() => this.#underWay.delete(uid)),
    );
  }

  /** Waits until no write is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }
}
