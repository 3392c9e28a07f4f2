/**
 * A copy of the tree in another folder. Mutations are made there, so an interrupted run leaves no change in
 * the sources.
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Mutation, mutate } from '../../test/mutations/mutation.ts';

/** Folders that the tests do not need. */
const leftOut: ReadonlySet<string> = new Set(['.git', 'node_modules', 'dist', 'conformance-report']);

/** A copy of the tree with at most one mutation. */
export class Copy {
  /** The folder of the copy. */
  readonly root: string;

  /** Copies the tree at a path. */
  constructor(original: string) {
    this.root = mkdtempSync(join(tmpdir(), 'berth-mutate-'));
    cpSync(original, this.root, { recursive: true, filter: (path) => !leftOut.has(basename(path)) });
    symlinkSync(realpathSync(join(original, 'node_modules')), join(this.root, 'node_modules'));
  }

  /** Makes a mutation, runs a function, and undoes the mutation. */
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

  /** Deletes the copy. */
  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
