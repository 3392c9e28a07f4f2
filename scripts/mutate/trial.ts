/** Tries mutations out: the tests that should find one run first, then all quick tests that run the mutated file. */
import type { Mutation } from '../../test/mutations/mutation.ts';
import type { Copy } from './copy.ts';
import type { Reach } from './reach.ts';
import { type RunOutcome, runTests } from './run-tests.ts';

/** What became of a mutation. */
export type Verdict =
  /** `isNamed`: by a file that the list names. */
  | { readonly kind: 'Killed'; readonly by: string; readonly isNamed: boolean }
  | { readonly kind: 'Survived' }
  /** The tests that should find it fail without it too: nothing is known. */
  | { readonly kind: 'Unknown'; readonly why: string };

/** Files that run together. */
interface Stage {
  readonly files: readonly string[];
  readonly isNamed: boolean;
}

/** Most files take a second or two, the longest a minute; on a busy machine it may be three times as much. */
const limitMs = { named: 300_000, reaching: 1_200_000 } as const;

/** Tries one mutation after the other. */
export class Trial {
  readonly #copy: Copy;
  readonly #reach: Reach;
  /** Files of tests, and what came of them without a mutation. */
  readonly #sound = new Map<string, Promise<RunOutcome>>();

  constructor(copy: Copy, reach: Reach) {
    this.#copy = copy;
    this.#reach = reach;
  }

  /** Tries it. The copy is as it was afterwards. */
  async judge(mutation: Mutation): Promise<Verdict> {
    for (const { files, isNamed } of this.#stagesOf(mutation)) {
      const limit = isNamed ? limitMs.named : limitMs.reaching;
      const run = () => runTests(this.#copy.root, files, { limitMs: limit });
      const outcome = await this.#copy.with(mutation, run);
      if (outcome.kind === 'Passed') continue;
      const fault = await this.#faultOf(outcome.kind === 'Failed' && outcome.file !== '' ? [outcome.file] : files);
      if (fault !== undefined) return { kind: 'Unknown', why: fault };
      return { kind: 'Killed', by: inWords(outcome, files), isNamed };
    }
    return { kind: 'Survived' };
  }

  /** What is run, until something fails: the simulation, which takes longest, comes last. */
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

  /** Only a test that passes without the mutation, and well within the time, proves anything; each file is asked once. */
  async #faultOf(files: readonly string[]): Promise<string | undefined> {
    for (const file of files) {
      const before = this.#sound.get(file) ?? runTests(this.#copy.root, [file], { limitMs: limitMs.named / 2 });
      this.#sound.set(file, before);
      const outcome = await before;
      if (outcome.kind !== 'Passed') return `without it too: ${inWords(outcome, [file])}`;
    }
    return undefined;
  }
}

function inWords(outcome: RunOutcome, files: readonly string[]): string {
  if (outcome.kind !== 'Failed') return `${files.join(', ')}: no end within the time limit`;
  return outcome.file === '' ? `${files.join(', ')}: ${outcome.test}` : `${outcome.file}: ${outcome.test}`;
}
