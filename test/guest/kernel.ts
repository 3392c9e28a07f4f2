/** Debian's own kernel, from its package, in the cache: nothing of it is installed on this machine. */
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, cacheFolder } from '../lab/cache.ts';
import { type Log, phase } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';

/** Modules that the guest needs to find its root: QEMU's bus, disk and shared folders, and their file systems. */
const bootModules = ['virtio_pci', 'virtio_blk', '9pnet_virtio', '9p', 'ext4', 'overlay'];

const image = 'linux-image-amd64';

/** A kernel that QEMU can start. */
export interface Kernel {
  readonly vmlinuz: string;
  readonly initramfs: string;
  /** The folder that has `lib/modules/VERSION`. */
  readonly folder: string;
}

/** Gives the kernel of this machine's Debian release. Downloads it if it is not in the cache. */
export async function ensureKernel(log: Log): Promise<Kernel> {
  const depends = await mustRun(['apt-cache', 'depends', image]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel behind ${image}: apt-get update`);
  const version = name.replace('linux-image-', '');
  const folder = join(cacheFolder(), 'guest', name);
  await cached(folder, (temporary) => phase(log, `getting ${name}`, () => get(temporary, name, version)));
  const initramfs = join(folder, 'initramfs');
  // The other files in it come from this work tree.
  await phase(log, 'initial file system of the guest', () => makeInitramfs(folder, version, initramfs));
  return { vmlinuz: join(folder, `boot/vmlinuz-${version}`), initramfs, folder };
}

async function get(folder: string, name: string, version: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // By default apt downloads as a user of its own, which may not write here.
  await mustRun(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name, 'busybox-static'], { cwd: folder });
  const packages = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
  for (const file of packages) {
    await mustRun(['dpkg', '-x', join(folder, file), folder]);
    await rm(join(folder, file));
  }
  await mustRun(['depmod', '-b', folder, version]);
}

/** Makes a file system for the guest's memory: Busybox, the modules, numbered in the order of loading, and a script. */
async function makeInitramfs(kernel: string, version: string, target: string): Promise<void> {
  const root = `${target}.files`;
  await rm(root, { recursive: true, force: true });
  await mkdir(join(root, 'modules'), { recursive: true });
  for (const [i, path] of (await modulesInOrder(kernel, version)).entries()) {
    await cp(path, join(root, 'modules', `${String(i).padStart(2, '0')}-${basename(path)}`));
  }
  const busybox = join(kernel, 'bin/busybox');
  await cp(busybox, join(root, 'busybox'));
  await cp(join(import.meta.dirname, 'init.sh'), join(root, 'init'));
  await mustRun(['sh', '-c', `find . | ${busybox} cpio -o -H newc >${target}`], { cwd: root });
  await rm(root, { recursive: true });
}

async function modulesInOrder(kernel: string, version: string): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const name of bootModules) {
    const lines = await mustRun(['modprobe', '--show-depends', '-d', kernel, '-S', version, name]);
    for (const [, path = ''] of lines.matchAll(/^insmod (\S+)/gm)) found.add(path);
  }
  return [...found];
}
