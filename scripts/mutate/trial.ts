/** Tries mutations: the tests that should find a mutation run first, then all quick tests that run the mutated file. */
import type { Mutation } from '../../test/mutations/mutation.ts';
import type { Copy } from './copy.ts';
import type { Reach } from './reach.ts';
import { type RunOutcome, runTests } from './run-tests.ts';

/** The result of a mutation. */
export type Verdict =
  /** `isNamed`: the list names the test file that found it. */
  | { readonly kind: 'Killed'; readonly by: string; readonly isNamed: boolean }
  | { readonly kind: 'Survived' }
  /** The tests that should find it also fail without it, so the result is unknown. */
  | { readonly kind: 'Unknown'; readonly why: string };

/** Test files that run together. */
interface Stage {
  readonly files: readonly string[];
  readonly isNamed: boolean;
}

/**
 * Most files take one or two seconds, the longest takes a minute. On a busy machine a file may take three
 * times as long.
 */
const limitMs = { named: 300_000, reaching: 1_200_000 } as const;

/** Tries mutations, one after the other. */
export class Trial {
  readonly #copy: Copy;
  readonly #reach: Reach;
  /** The results of test files without a mutation. */
  readonly #sound = new Map<string, Promise<RunOutcome>>();

  constructor(copy: Copy, reach: Reach) {
    this.#copy = copy;
    this.#reach = reach;
  }

  /** Tries a mutation. Afterwards the copy is unchanged. */
  async judge(mutation: Mutation): Promise<Verdict> {
    for (const { files, isNamed } of this.#stagesOf(mutation)) {
      const limit = isNamed ? limitMs.named : limitMs.reaching;
      const run = () => runTests(this.#copy.root, files, { limitMs: limit });
      const outcome = await this.#copy.with(mutation, run);
      if (outcome.kind === 'Passed') continue;
      const fault = await this.#faultOf(outcome.kind === 'Failed' && outcome.file !== '' ? [outcome.file] : files);
      if (fault !== undefined) return { kind: 'Unknown', why: fault };
      return { kind: 'Killed', by: describe(outcome, files), isNamed };
    }
    return { kind: 'Survived' };
  }

  /** The stages, which run until a test fails. The simulation takes longest, so it comes last. */
  #stagesOf({ file, tests }: Mutation): readonly Stage[] {
    const named = tests.map((test) => `test/${test}`);
    const others = this.#reach.testsOf(`src/${file}`).filter((test) => !named.includes(test));
    const isSimulation = (test: string) => test.startsWith('test/sim/');
    const groups = [others.filter((test) => !isSimulation(test)), others.filter(isSimulation)];
    return [
      ...named.map((test) => ({ files: [test], isNamed: true })),
      ...groups.filter(({ length }) => length > 0).map((files) => ({ files, isNamed: false })),
    ];
  }

  /**
   * A failure counts only if the test passes without the mutation, within half of the time limit. Each file is
   * checked once.
   */
  async #faultOf(files: readonly string[]): Promise<string | undefined> {
    for (const file of files) {
      const before = this.#sound.get(file) ?? runTests(this.#copy.root, [file], { limitMs: limitMs.named / 2 });
      this.#sound.set(file, before);
      const outcome = await before;
      if (outcome.kind !== 'Passed') return `also without the mutation: ${describe(outcome, [file])}`;
    }
    return undefined;
  }
}

function describe(outcome: RunOutcome, files: readonly string[]): string {
  if (outcome.kind !== 'Failed') return `${files.join(', ')}: exceeded the time limit`;
  return outcome.file === '' ? `${files.join(', ')}: ${outcome.test}` : `${outcome.file}: ${outcome.test}`;
}
