/** Events of one kind. A part emits its events; `wiring.ts` connects the parts that receive them. */

/** Receives an event. */
type Receiver<Args extends readonly unknown[]> = (...args: Args) => void;

/** Calls all receivers in the order of their registration, before `emit` returns. Without receivers, an event has no effect. */
export class Emitter<Args extends readonly unknown[] = []> {
  readonly #receivers: Receiver<Args>[] = [];

  /** Registers a receiver. */
  to(receiver: Receiver<Args>): void {
    this.#receivers.push(receiver);
  }

  /** Emits one event. */
  emit = (...args: Args): void => {
    for (const receiver of this.#receivers) receiver(...args);
  };
}
