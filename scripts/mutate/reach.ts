/**
 * Finds the quick tests that run a source file: tests that import it, directly or indirectly, or start it as a
 * process.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Tests that need neither a cluster nor network namespaces. */
const quickTests = ['test/*.test.ts', 'test/unit/**/*.test.ts', 'test/sim/**/*.test.ts', 'test/control/**/*.test.ts'];

/** Patterns of imports that exist at run time, and of programs that a test starts. */
const references = [
  /\b(?:import|export)\s+(?!type\b)[^;'"]*?\bfrom\s+'(\.[^']+)'/g,
  /\bimport\s+'(\.[^']+)'/g,
  /\bimport\('(\.[^']+)'\)/g,
  /\bnew URL\('(\.[^']+\.ts)', import\.meta\.url\)/g,
  /\bjoin\(import\.meta\.dirname, '([^']+\.ts)'\)/g,
];

/** The graph of imports of a tree. */
export class Reach {
  readonly #importers = new Map<string, string[]>();
  readonly #quick: readonly string[];

  /** Reads the tree at a path. */
  constructor(root: string) {
    this.#quick = globSync(quickTests, { cwd: root }).sort();
    for (const file of globSync(['src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts'], { cwd: root })) {
      const source = readFileSync(join(root, file), 'utf8');
      for (const [, target = ''] of references.flatMap((pattern) => [...source.matchAll(pattern)])) {
        const path = normalize(join(dirname(file), target));
        this.#importers.set(path, [...(this.#importers.get(path) ?? []), file]);
      }
    }
  }

  /** Returns the quick tests that run a file. */
  testsOf(file: string): readonly string[] {
    const reached = new Set([file]);
    // The loop also visits the elements that are added to the set during the loop.
    for (const one of reached) for (const importer of this.#importers.get(one) ?? []) reached.add(importer);
    return this.#quick.filter((test) => reached.has(test));
  }
}
