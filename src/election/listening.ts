/** When a speaker hears the others out before it answers for anything: after its start, after a sleep, after a cable came back. */
import { times } from '../liveness/messages.ts';

/** A main loop that comes so late was stopped: others may have taken its VIPs. */
export const lateMs = 300;

/** Whether one speaker listens. */
export class Listening {
  #since: number;
  #tickedAt: number;
  #done = false;
  #linkCameBack = false;

  constructor(now: number) {
    this.#since = now;
    this.#tickedAt = now;
  }

  /** A link is there that was not there a moment ago. */
  linkCameBack(): void {
    this.#linkCameBack = true;
  }

  /** Begins again after a sleep; or after a while without a cable, if nobody was heard in it. Says whether it does. */
  beginsAgain(now: number, isolated: boolean): boolean {
    const begins = now - this.#tickedAt > lateMs || (this.#linkCameBack && isolated);
    this.#tickedAt = now;
    this.#linkCameBack = false;
    if (begins) {
      this.#since = now;
      this.#done = false;
    }
    return begins;
  }

  /** Goes on until all others have told their claims, or for the longest time that it may take. */
  goesOn(now: number, others: readonly string[], isKnown: (node: string) => boolean): boolean {
    if (this.#done) return false;
    const ms = now - this.#since;
    const isOver = ms >= times.listen || (ms >= 2 * times.heartbeat && others.every(isKnown));
    this.#done = isOver || others.length === 0;
    return !this.#done;
  }
}
