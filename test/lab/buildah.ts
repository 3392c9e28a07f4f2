/** Builds images with buildah(1) in a storage that only labs use, and writes them as archives that containerd imports. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { mustRun, run } from './run.ts';

/** An image to build. */
export interface ImageBuild {
  /** The folder that COPY copies from. */
  readonly context: string;
  readonly file: string;
  readonly image: string;
  /** The value of the build argument BASE. */
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

/** The number of layers of an image in the storage; 0 if there is no such image. */
export async function layerCount(image: string): Promise<number> {
  const format = '{{len .OCIv1.RootFS.DiffIDs}}';
  const result = await run([...(await command()), 'inspect', '--type', 'image', '--format', format, image]);
  return result.code === 0 ? Number(result.stdout) : 0;
}

/** Gives an image in the storage another name. */
export async function tagImage(image: string, name: string): Promise<void> {
  await buildah(['tag', image, name]);
}

/** Loads an archive that {@link exportImage} wrote into the storage. */
export async function loadIntoStorage(archive: string, image: string): Promise<void> {
  const id = await buildah(['pull', '--quiet', `oci-archive:${archive}`]);
  await tagImage(id.trim(), image);
}

/** Writes an image as an OCI archive. Leaves out its first `skip` layers, which the importer already has. */
export async function exportImage(image: string, archive: string, skip = 0): Promise<void> {
  const layout = `${archive}.layout`;
  await mkdir(layout, { recursive: true });
  try {
    await buildah(['push', '--quiet', image, `oci:${layout}:${image}`]);
    const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
    const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
    const index: { manifests: readonly Descriptor[] } = await read(join(layout, 'index.json'));
    // containerd takes the image's name from its own annotation. The standard annotation has only a tag.
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

/** Removes layers and images that no named image in the storage needs any more. */
export async function pruneStorage(): Promise<void> {
  await buildah(['rmi', '--prune']);
}

async function buildah(args: readonly string[]): Promise<string> {
  return mustRun([...(await command()), ...args]);
}

/** The command for buildah. buildah leaves mounts behind, so it runs in its own mount namespace, which ends with it. */
async function command(): Promise<readonly string[]> {
  const root = join(cacheFolder(), 'buildah');
  await mkdir(root, { recursive: true });
  // The kernel does not support overlay on overlay, and the disk of a container is often an overlay.
  const kind = (await mustRun(['stat', '--file-system', '--format', '%T', root])).trim();
  const driver = kind.startsWith('overlay') ? 'vfs' : 'overlay';
  const storage = ['--root', join(root, driver), '--runroot', join(root, 'run'), '--storage-driver', driver];
  return ['unshare', '--mount', '--', 'buildah', ...storage];
}
