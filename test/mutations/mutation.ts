/** A mutation: one mistake that a maintainer could make, as a change of text. The tests must find it; `npm run mutate` checks that. */
import { transformSync } from 'esbuild';

/** One mistake. */
export interface Mutation {
  /** A few plain words, joined by `-`. */
  readonly id: string;
  /** The file that is changed, below `src/`. */
  readonly file: string;
  /** The text that the file contains exactly once. */
  readonly old: string;
  /** The text that replaces it. */
  readonly new: string;
  /** The effect on users, in one sentence. */
  readonly consequence: string;
  /** The test files that should find it, below `test/`, the quickest first. Empty if no test is known to find it. */
  readonly tests: readonly string[];
  /** The reason, if no quick test can find it. */
  readonly survives?: string;
}

/** The source with the mistake. Throws if the text is not in the source exactly once, or if Node.js could not run the result. */
export function mutate(source: string, { id, file, old, new: slip }: Mutation): string {
  const [before, after, ...more] = source.split(old);
  if (before === undefined || after === undefined || more.length > 0) {
    const times = source.split(old).length - 1;
    throw new Error(`mutation ${id}: its text stands in src/${file} ${times} times, and must stand there once`);
  }
  if (old === slip) throw new Error(`mutation ${id} changes nothing`);
  const mutated = `${before}${slip}${after}`;
  try {
    transformSync(mutated, { loader: 'ts', logLevel: 'silent' });
  } catch (cause) {
    // Every test would find it, which would prove nothing.
    throw new Error(`mutation ${id}: src/${file} does not parse with it: ${(cause as Error).message}`, { cause });
  }
  return mutated;
}
