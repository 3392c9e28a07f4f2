/** Random choices of the simulation. A seed repeats them. */
import { Random as Choices } from '../cluster/random.ts';

/** A generator. */
export class Random extends Choices {
  constructor(seed: number) {
    super(Math.imul(seed, 0x9e3779b1));
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Fisher and Yates, in place. It draws other numbers than the inherited method, and the seeds of known failures depend on them. */
  override shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j] as T, result[i] as T];
    }
    return result;
  }

  /** Returns 16 hexadecimal digits. */
  incarnation(): string {
    return Array.from({ length: 16 }, () => this.below(16).toString(16)).join('');
  }
}
