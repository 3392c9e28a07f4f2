/** The lab's cache outside of the work tree: things that are slow to make, each under a hash of what it is made from. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isRunning } from './processes.ts';

/** Root of the repository. */
export const repository = resolve(import.meta.dirname, '../..');

/** Folder of everything that Berth caches. */
export function cacheFolder(): string {
  const base = process.env.BERTH_CACHE ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(base, 'berth');
}

/** A short hash of texts, for a name in the cache. */
export function hashOf(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex').slice(0, 16);
}

/** A short hash of a file's content. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex').slice(0, 16);
}

/** Marks a name that is not finished; the number is the pid of the process that makes it. */
const unfinished = /\.unfinished-(\d+)$/;

/**
 * Gives `path`, and first has `make` write it if it is not there. It appears under its name only when it is complete, so
 * whoever is killed in between leaves nothing half-made.
 */
export async function cached(path: string, make: (temporary: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) {
    await utimes(path, new Date(), new Date());
    return path;
  }
  await mkdir(dirname(path), { recursive: true });
  await removeUnfinished(dirname(path));
  const temporary = `${path}.unfinished-${process.pid}`;
  try {
    await make(temporary);
    // Another process may have made the same meanwhile; a folder cannot be renamed over a full one.
    if (!existsSync(path)) await rename(temporary, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

/** Removes what processes that are gone left half-made in `folder`. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(unfinished.exec(name)?.[1]);
    if (pid > 0 && !isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Keeps the `count` newest entries of `folder` whose name starts with `prefix`. */
export async function keepNewest(folder: string, prefix: string, count: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && !unfinished.test(name));
  const ages = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), age: -(await stat(join(folder, name))).mtimeMs })),
  );
  const old = ages.sort((a, b) => a.age - b.age).slice(count);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
