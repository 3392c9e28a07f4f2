/** A mutation: one slip that a maintainer could make, as a change of text. The tests must find it; `npm run mutate` tries that out. */
import { transformSync } from 'esbuild';

/** One slip. */
export interface Mutation {
  /** A few plain words, joined by `-`. */
  readonly id: string;
  /** The file that is changed, below `src/`. */
  readonly file: string;
  /** What stands there exactly once. */
  readonly old: string;
  /** What the slip makes of it. */
  readonly new: string;
  /** What users would suffer from it, in one sentence. */
  readonly consequence: string;
  /** The files of tests that should find it, below `test/`, the quickest first; empty while none is known that does. */
  readonly tests: readonly string[];
  /** Why no quick test can find it, where none can. */
  readonly survives?: string;
}

/** The source with the slip. Throws where the text does not stand there exactly once, or where Node.js could not run the outcome. */
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
    // Every test would find it, and that would prove nothing.
    throw new Error(`mutation ${id}: src/${file} does not parse with it: ${(cause as Error).message}`, { cause });
  }
  return mutated;
}
