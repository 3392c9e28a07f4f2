/** The cluster's images. They are built once, unpacked once, and copied to the disk of each node by hard links. */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Binaries } from './binaries.ts';
import { buildImage, exportImage, layerCount, loadIntoStorage, pruneStorage, tagImage } from './buildah.ts';
import { cached, cacheFolder, hashOf, hashOfFile, keepNewest, repository } from './cache.ts';
import { type Log, phase } from './progress.ts';
import { mustRun, run } from './run.ts';

/** The image of test Pods: `agnhost netexec` and its other commands. Without arguments it is the pause image. */
export const podImage = 'localhost/agnhost:lab';

/** Berth's own image. */
export const berthImage = 'localhost/berth:lab';

/** The base of Berth's image: Debian, nft and Node.js. */
export const baseImage = 'localhost/node:lab-base';

/** The Debian packages of the base image besides the essential ones: nft, and libraries that Node.js needs. */
const basePackages = 'nftables,libstdc++6,libatomic1';

/** Files without use in a container. */
const basePaths = ['doc', 'man', 'info', 'locale', 'lintian'].map((name) => `/usr/share/${name}/*`);

/** The files with Debian's package sources, newest form first (sources.list(5)). */
const sourceFiles = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'];

/** Change this value when images are built in another way, so that old images in the cache are not used. */
const recipe = '1';

/** How many builds of Berth's image the cache keeps. */
const keptBuilds = 3;

/** Builds the images that every lab has, if they are missing. Returns the containerd root that has them unpacked. */
export async function ensureImages(binaries: Binaries, log: Log): Promise<string> {
  const archives = [await ensurePodImage(binaries.agnhost, log), await ensureBaseImage(log)];
  const root = imagePath(`root-${hashOf(recipe, ...archives.map((path) => basename(path)))}`);
  if (!existsSync(root)) {
    await phase(log, 'unpacking images', () => cached(root, (temporary) => unpack(temporary, archives)));
    await keepNewest(dirname(root), 'root-', 1);
  }
  return root;
}

/** Gives a node its own containerd root with the images. Layers never change, so hard links are enough. */
export async function copyImages(root: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const linked = await run(['cp', '--archive', '--link', `${root}/.`, target]);
  if (linked.code !== 0) {
    // The cache is on another file system.
    await mustRun(['cp', '--archive', `${root}/.`, target]);
    return;
  }
  // containerd changes its databases in place, so each node needs its own copy of them.
  for (const plugin of await readdir(target)) {
    for (const name of (await readdir(join(target, plugin))).filter((file) => file.endsWith('.db'))) {
      await rm(join(target, plugin, name));
      await copyFile(join(root, plugin, name), join(target, plugin, name));
    }
  }
}

/**
 * Builds Berth's image from the Dockerfile and dist/, if one of them has changed. Returns the archive to import. The
 * archive does not have the layers of the base image, because every node has them. Undefined if there is no Dockerfile
 * or no dist/.
 */
export async function buildBerthImage(log: Log): Promise<string | undefined> {
  const dockerfile = join(repository, 'Dockerfile');
  const dist = join(repository, 'dist');
  if (!existsSync(dockerfile) || !existsSync(dist)) {
    log('no Dockerfile or no dist/: the lab has no image of Berth');
    return undefined;
  }
  const base = await ensureBaseImage(log);
  const key = hashOf(recipe, basename(base), await readFile(dockerfile, 'utf8'), await hashOfFolder(dist));
  const archive = imagePath(`berth-${key}.tar`);
  await cached(archive, async (temporary) => {
    // The name identifies the base image: the storage may contain another one.
    const storedBase = `${baseImage}-${basename(base, '.tar')}`;
    if ((await layerCount(storedBase)) === 0) await loadIntoStorage(base, storedBase);
    await buildImage({ context: repository, file: dockerfile, image: berthImage, base: storedBase });
    await exportImage(berthImage, temporary, await layerCount(storedBase));
    await pruneStorage();
  });
  await keepNewest(dirname(archive), 'berth-', keptBuilds);
  return archive;
}

/** The path of an image archive in the cache. */
export function imagePath(name: string): string {
  return join(cacheFolder(), 'images', name);
}

/** A hash of the names and contents of all files in a folder. */
async function hashOfFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const hashes = await Promise.all(files.sort().map(async (path) => `${path} ${await hashOfFile(path)}`));
  return hashOf(...hashes);
}

async function ensurePodImage(agnhost: string, log: Log): Promise<string> {
  const archive = imagePath(`agnhost-${hashOf(recipe, await hashOfFile(agnhost))}.tar`);
  if (existsSync(archive)) return archive;
  await phase(log, `making ${podImage}`, () =>
    cached(archive, (temporary) =>
      inContext(temporary, async (context) => {
        await cp(agnhost, join(context, 'agnhost'));
        const lines = ['FROM scratch', 'COPY agnhost /agnhost', 'ENTRYPOINT ["/agnhost"]', 'CMD ["pause"]'];
        await buildLines(context, lines, podImage);
        await exportImage(podImage, temporary);
      }),
    ),
  );
  await keepNewest(dirname(archive), 'agnhost-', 1);
  return archive;
}

/** The archive of an image with Debian's essential packages, nft, and the version of Node.js that the repository pins. */
async function ensureBaseImage(log: Log): Promise<string> {
  const suite = await debianSuite();
  const pinned = join(repository, 'node_modules/node/bin/node');
  const node = existsSync(pinned) ? resolve(pinned) : process.execPath;
  const archive = imagePath(`node-${hashOf(recipe, suite, basePackages, ...basePaths, await hashOfFile(node))}.tar`);
  if (existsSync(archive)) return archive;
  await phase(log, `making ${baseImage} from Debian packages`, () =>
    cached(archive, (temporary) =>
      inContext(temporary, async (context) => {
        await writeDebian(join(context, 'root.tar'), basePackages);
        await cp(node, join(context, 'node'));
        await buildLines(context, ['FROM scratch', 'ADD root.tar /', 'COPY node /usr/local/bin/node'], baseImage);
        await tagImage(baseImage, `${baseImage}-${basename(archive, '.tar')}`);
        await exportImage(baseImage, temporary);
      }),
    ),
  );
  await keepNewest(dirname(archive), 'node-', 1);
  return archive;
}

/** The name of this machine's Debian release. */
export async function debianSuite(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8');
  return /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? 'stable';
}

/**
 * Writes a tar archive with the files of a Debian that has the essential packages and `packages`, a list with commas.
 * At the end a shell in that Debian runs `command`.
 */
export async function writeDebian(archive: string, packages: string, command?: string): Promise<void> {
  const sources = sourceFiles.filter((path) => existsSync(path)).slice(0, 1);
  const excluded = basePaths.map((path) => `--dpkgopt=path-exclude=${path}`);
  const hook = command === undefined ? [] : [`--customize-hook=chroot "$1" sh -c '${command}'`];
  const bootstrap = ['mmdebstrap', '--variant=essential', `--include=${packages}`, ...excluded, ...hook];
  await mustRun([...bootstrap, await debianSuite(), archive, ...sources]);
}

/** Runs `task` with an empty folder beside `path`, and then removes that folder. */
export async function inContext(path: string, task: (context: string) => Promise<void>): Promise<void> {
  const context = path.replace(/(\.unfinished-\d+)$/, '.context$1');
  await mkdir(context, { recursive: true });
  try {
    await task(context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Builds an image from the lines of a Dockerfile and the files of a folder. */
export async function buildLines(context: string, lines: readonly string[], image: string): Promise<void> {
  const file = join(context, 'Dockerfile');
  await writeFile(file, `${lines.join('\n')}\n`);
  await buildImage({ context, file, image });
}

/** Creates a containerd root with the unpacked images of the archives. */
async function unpack(root: string, archives: readonly string[]): Promise<void> {
  await mkdir(root, { recursive: true });
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const script = join(import.meta.dirname, 'unpack-images.sh');
  await mustRun(['unshare', ...namespaces, 'sh', script, root, ...archives]);
}
