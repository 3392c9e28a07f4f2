/** Programs of Debian packages that are only unpacked: installed they would bring services and a user with them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, cacheFolder } from './cache.ts';
import { mustRun } from './run.ts';

/** The folder of what a package would put under `/`. It is kept in the cache. */
export function unpackDebian(name: string): Promise<string> {
  return cached(join(cacheFolder(), 'debian', name), async (folder) => {
    const download = await mkdtemp(join(tmpdir(), 'berth-deb-'));
    const fetch = () => mustRun(['apt-get', 'download', name], { cwd: download });
    try {
      // Lists may be absent or name versions that are gone.
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
