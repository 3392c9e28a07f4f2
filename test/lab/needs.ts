/** What only some files of tests need beyond the lab: it is built before the first test, as no test has minutes for it. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { unpackDebian } from './debian-package.ts';
import { metalLbImages } from './metallb.ts';
import { type Log, phase } from './progress.ts';
import { skipperImage } from './skipper.ts';

/** What a file needs, by its name. */
const needs: Readonly<Record<string, (log: Log) => Promise<unknown>>> = {
  'ingress.test.ts': skipperImage,
  'metrics.test.ts': () => unpackDebian('prometheus'),
  'migrate.test.ts': metalLbImages,
};

/** Builds what the files of these patterns need, where it is not in the cache. */
export async function buildFor(patterns: readonly string[], log: Log): Promise<void> {
  const names = new Set(globSync([...patterns]).map((file) => basename(file)));
  for (const [name, build] of Object.entries(needs)) {
    if (names.has(name)) await phase(log, `what ${name} needs`, () => build(log));
  }
}
