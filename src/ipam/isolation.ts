/** Keeps an error about one object away from all other objects. */
import type { AllocationView } from '../api/allocation.ts';
import type { ServiceView } from '../api/service.ts';

/** Runs steps for many objects. An object whose step throws is left out, and noted. */
export class Isolation<T extends object> {
  readonly #errors = new Map<T, unknown>();

  /** What was thrown, by object. */
  get errors(): ReadonlyMap<T, unknown> {
    return this.#errors;
  }

  /** The objects for which no step threw so far. */
  whole(objects: readonly T[]): readonly T[] {
    return this.#errors.size === 0 ? objects : objects.filter((object) => !this.#errors.has(object));
  }

  /** The result of a step for one object; undefined if it threw. */
  step<R>(object: T, step: (object: T) => R): R | undefined {
    try {
      return step(object);
    } catch (error) {
      this.#errors.set(object, error);
      return undefined;
    }
  }

  /** Runs a step for each object for which no step threw so far. */
  each(objects: readonly T[], step: (object: T) => void): void {
    for (const object of this.whole(objects)) this.step(object, step);
  }

  /** The results of a step, without the objects for which a step threw. */
  map<R>(objects: readonly T[], step: (object: T) => R): R[] {
    const results: R[] = [];
    this.each(objects, (object) => void results.push(step(object)));
    return results;
  }

  /** The objects for which the test is true. */
  filter(objects: readonly T[], test: (object: T) => boolean): T[] {
    return this.whole(objects).filter((object) => this.step(object, test));
  }
}

/** The objects of one decision for which a step threw. */
export interface Isolated {
  readonly services: Isolation<ServiceView>;
  readonly entries: Isolation<AllocationView>;
}
