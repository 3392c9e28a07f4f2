/**
 * The binaries of the native module: npm has installed the one for this machine; the others come from npm's
 * registry.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, glob, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lock } from './sbom.ts';

/** The architectures that Berth runs on: their names for container images, and those of the module. */
export const architectures = { amd64: 'x64', arm64: 'arm64' } as const;

/** One of {@link architectures}. */
export type Architecture = keyof typeof architectures;

/** Returns the architecture of this machine. */
export function ownArchitecture(): Architecture {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

/**
 * Copies the module with the binaries for the machines. Returns the copied packages by their names in
 * package-lock.json.
 */
export async function copyKoffi(
  root: string,
  out: string,
  { machines, lock }: { readonly machines: readonly Architecture[]; readonly lock: Lock },
): Promise<readonly string[]> {
  const packages = ['koffi', ...machines.map((machine) => `@koromix/koffi-linux-${architectures[machine]}`)];
  for (const [i, name] of packages.entries()) {
    const folder = `node_modules/${name}`;
    const isInstalled = i === 0 || machines[i - 1] === ownArchitecture();
    if (isInstalled) await copyFiles(join(root, folder), join(out, folder));
    else
      await copyFetched(
        name,
        { version: lock.packages[folder]?.version, integrity: lock.packages[folder]?.integrity },
        out,
      );
  }
  return packages.map((name) => `node_modules/${name}`);
}

/** Copies the files that are loaded at run time, and the license. */
async function copyFiles(from: string, to: string): Promise<void> {
  // The image has glibc, so the musl binaries are not needed. cnoke would build the module, which is not needed either.
  const options = { cwd: from, exclude: ['**/musl_*/**', 'cnoke.cjs'] };
  let binaries = 0;
  for await (const file of glob('{package.json,LICENSE*,**/*.{js,cjs,node}}', options)) {
    await cp(join(from, file), join(to, file));
    binaries += file.endsWith('.node') ? 1 : 0;
  }
  if (binaries === 0 && from.includes('koffi-linux')) throw new Error(`no binary in ${from}`);
}

/** The version and integrity of a package in package-lock.json. */
interface Pinned {
  readonly version: string | undefined;
  readonly integrity: string | undefined;
}

/**
 * Downloads the archive of a package for another machine, which npm would not install. It must match
 * package-lock.json.
 */
async function copyFetched(name: string, { version, integrity }: Pinned, out: string): Promise<void> {
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json does not contain ${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'berth-koffi-'));
  try {
    const argv = ['pack', `${name}@${version}`, '--json', '--prefer-offline', '--pack-destination', folder];
    const [{ filename = '' } = {}] = JSON.parse(run('npm', argv)) as { readonly filename?: string }[];
    const archive = join(folder, filename);
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (`sha512-${digest}` !== integrity)
      throw new Error(`${name}@${version} does not match its integrity in package-lock.json`);
    const unpacked = join(folder, 'unpacked');
    await mkdir(unpacked);
    run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1']);
    await copyFiles(unpacked, join(out, 'node_modules', name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(program: string, argv: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${argv[0]}: ${stderr}`);
  return stdout;
}
