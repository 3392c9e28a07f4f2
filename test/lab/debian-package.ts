/** Programs of Debian packages that are only unpacked. An installation would also add services and a user to the machine. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, cacheFolder } from './cache.ts';
import { mustRun } from './run.ts';

/** A folder in the cache with the files that a package would install under `/`. */
export function unpackDebian(name: string): Promise<string> {
  return cached(join(cacheFolder(), 'debian', name), async (folder) => {
    const download = await mkdtemp(join(tmpdir(), 'berth-deb-'));
    const fetch = () => mustRun(['apt-get', 'download', name], { cwd: download });
    try {
      // The package lists may be missing, or contain versions that no longer exist.
      await fetch().catch(async () => {
        await mustRun(['apt-get', 'update', '-q']);
        await fetch();
      });
      const [file = ''] = await readdir(download);
      await mustRun(['dpkg', '-x', join(download, file), folder]);
    } finally {
      await rm(download, { recursive: true, force: true });
    }
  });
}
