/** The lab's cache outside of the work tree. It keeps things that are slow to build, each under a hash of its inputs. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isRunning } from './processes.ts';

/** The root folder of the repository. */
export const repository = resolve(import.meta.dirname, '../..');

/** The folder for everything that Berth caches. */
export function cacheFolder(): string {
  const base = process.env.BERTH_CACHE ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(base, 'berth');
}

/** A short hash of texts, for names in the cache. */
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

/** Marks the name of an entry that is not complete. The number is the pid of the process that builds it. */
const unfinished = /\.unfinished-(\d+)$/;

/**
 * Returns `path`. If it does not exist, `make` writes it first. It gets its name only when it is complete, so a
 * process that is killed before leaves no incomplete entry under that name.
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
    // Another process may have built the same entry meanwhile. A folder cannot be renamed over a folder that is not empty.
    if (!existsSync(path)) await rename(temporary, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

/** Removes incomplete entries in `folder` whose process no longer runs. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(unfinished.exec(name)?.[1]);
    if (pid > 0 && !isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Keeps the `count` newest entries of `folder` whose name starts with `prefix`, and removes older ones. */
export async function keepNewest(folder: string, prefix: string, count: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && !unfinished.test(name));
  const ages = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), age: -(await stat(join(folder, name))).mtimeMs })),
  );
  const old = ages.sort((a, b) => a.age - b.age).slice(count);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
