/** Builds images with buildah(1), in a storage of the lab's own, and writes them as archives that containerd imports. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { mustRun, run } from './run.ts';

/** What to build. */
export interface ImageBuild {
  /** Folder that COPY copies from. */
  readonly context: string;
  readonly file: string;
  readonly image: string;
  /** Value of the build argument BASE. */
  readonly base?: string;
}

/** The parts of an OCI image index and manifest that are read here (github.com/opencontainers/image-spec). */
interface Descriptor {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Builds an image from a Dockerfile, into the storage. */
export async function buildImage(build: ImageBuild): Promise<void> {
  const base = build.base === undefined ? [] : ['--build-arg', `BASE=${build.base}`];
  await buildah([
    ...['bud', '--isolation', 'chroot', '--quiet', ...base],
    ...['--file', build.file, '--tag', build.image, build.context],
  ]);
}

/** Number of layers of an image of the storage, 0 when it is not there. */
export async function layerCount(image: string): Promise<number> {
  const format = '{{len .OCIv1.RootFS.DiffIDs}}';
  const result = await run([...(await command()), 'inspect', '--type', 'image', '--format', format, image]);
  return result.code === 0 ? Number(result.stdout) : 0;
}

/** Gives an image of the storage another name. */
export async function tagImage(image: string, name: string): Promise<void> {
  await buildah(['tag', image, name]);
}

/** Loads an archive of {@link exportImage} into the storage. */
export async function loadIntoStorage(archive: string, image: string): Promise<void> {
  const id = await buildah(['pull', '--quiet', `oci-archive:${archive}`]);
  await tagImage(id.trim(), image);
}

/** Writes an image as an OCI archive, without its first `skip` layers: the importer has them already. */
export async function exportImage(image: string, archive: string, skip = 0): Promise<void> {
  const layout = `${archive}.layout`;
  await mkdir(layout, { recursive: true });
  try {
    await buildah(['push', '--quiet', image, `oci:${layout}:${image}`]);
    const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
    const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
    const index: { manifests: readonly Descriptor[] } = await read(join(layout, 'index.json'));
    // containerd names the image by this annotation of its own; the standard one holds a tag only.
    const manifests = index.manifests.map((manifest) => ({
      ...manifest,
      annotations: { ...manifest.annotations, 'io.containerd.image.name': image },
    }));
    await writeFile(join(layout, 'index.json'), JSON.stringify({ ...index, manifests }));
    for (const { digest } of skip > 0 ? index.manifests : []) {
      const { layers }: { layers: readonly Descriptor[] } = await read(blob(digest));
      for (const layer of layers.slice(0, skip)) await rm(blob(layer.digest), { force: true });
    }
    await mustRun(['tar', '--create', '--file', archive, '--directory', layout, '.']);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

/** Removes what no image of the storage needs any more. */
export async function pruneStorage(): Promise<void> {
  await buildah(['rmi', '--prune']);
}

async function buildah(args: readonly string[]): Promise<string> {
  return mustRun([...(await command()), ...args]);
}

/** buildah leaves mounts behind: they end with a mount namespace of its own. */
async function command(): Promise<readonly string[]> {
  const root = join(cacheFolder(), 'buildah');
  await mkdir(root, { recursive: true });
  // The kernel has no overlay on an overlay, which is what a container's disk often is.
  const kind = (await mustRun(['stat', '--file-system', '--format', '%T', root])).trim();
  const driver = kind.startsWith('overlay') ? 'vfs' : 'overlay';
  const storage = ['--root', join(root, driver), '--runroot', join(root, 'run'), '--storage-driver', driver];
  return ['unshare', '--mount', '--', 'buildah', ...storage];
}
