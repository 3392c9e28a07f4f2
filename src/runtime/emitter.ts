/** Events of one kind. A part emits what happens to it; `wiring.ts` says which other parts hear of it. */

/** What hears of an event. */
export type Receiver<Args extends readonly unknown[]> = (...args: Args) => void;

/** Calls each receiver, in the order in which they came, before `emit` returns. Without receivers an event is lost, and that is no fault. */
export class Emitter<Args extends readonly unknown[] = []> {
  readonly #receivers: Receiver<Args>[] = [];

  /** From now on, this one hears of it. */
  to(receiver: Receiver<Args>): void {
    this.#receivers.push(receiver);
  }

  /** It happened. */
  emit = (...args: Args): void => {
    for (const receiver of this.#receivers) receiver(...args);
  };
}
