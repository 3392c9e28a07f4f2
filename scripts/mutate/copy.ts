/** One copy of the tree, outside of it: mutations are made there, so a run that is cut off leaves nothing behind in the sources. */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Mutation, mutate } from '../../test/mutations/mutation.ts';

/** What tests do not read. */
const leftOut: ReadonlySet<string> = new Set(['.git', 'node_modules', 'dist', 'conformance-report']);

/** A copy of the tree that has no mutation, or one. */
export class Copy {
  /** Where it is. */
  readonly root: string;

  /** Copies the tree of this root. */
  constructor(original: string) {
    this.root = mkdtempSync(join(tmpdir(), 'berth-mutate-'));
    cpSync(original, this.root, { recursive: true, filter: (path) => !leftOut.has(basename(path)) });
    symlinkSync(realpathSync(join(original, 'node_modules')), join(this.root, 'node_modules'));
  }

  /** Makes a mutation, waits for what is done with it, and takes it back. */
  async with<T>(mutation: Mutation, use: () => Promise<T>): Promise<T> {
    const path = join(this.root, 'src', mutation.file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(path, mutate(source, mutation));
    try {
      return await use();
    } finally {
      writeFileSync(path, source);
    }
  }

  /** Deletes it. */
  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
