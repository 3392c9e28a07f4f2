/** Things that only some test files need besides the lab. They are built before the first test, because a build takes minutes. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { ensureProgram } from './binaries.ts';
import { unpackDebian } from './debian-package.ts';
import { metalLbImages } from './metallb.ts';
import { type Log, phase } from './progress.ts';
import { skipperImage } from './skipper.ts';

/** The builds that a test file needs, by the name of the file. */
const needs: Readonly<Record<string, (log: Log) => Promise<unknown>>> = {
  'ingress.test.ts': skipperImage,
  'metrics.test.ts': () => unpackDebian('prometheus'),
  'migrate.test.ts': metalLbImages,
  'parsers.test.ts': (log) => ensureProgram('parsers', log),
};

/** Builds everything that the files of these patterns need, if it is not in the cache. */
export async function buildFor(patterns: readonly string[], log: Log): Promise<void> {
  const names = new Set(globSync([...patterns]).map((file) => basename(file)));
  for (const [name, build] of Object.entries(needs)) {
    if (names.has(name)) await phase(log, `building what ${name} needs`, () => build(log));
  }
}
