/** Makes sure that the Debian programs that the lab needs are installed. */
import { accessSync, constants, existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Log, phase } from './progress.ts';
import { mustRun } from './run.ts';

/** A program (or file), and the Debian package that contains it. */
export type Need = readonly [need: string, debianPackage: string];

/** The programs that every lab needs. */
const needs: readonly Need[] = [
  ['containerd', 'containerd'],
  ['ctr', 'containerd'],
  ['crun', 'crun'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
  ['buildah', 'buildah'],
  ['mmdebstrap', 'mmdebstrap'],
  ['nft', 'nftables'],
  ['iptables', 'iptables'],
  ['conntrack', 'conntrack'],
  ['arping', 'arping'],
  ['tcpdump', 'tcpdump'],
  ['ip', 'iproute2'],
  ['ps', 'procps'],
  ['nsenter', 'util-linux'],
  ['openssl', 'openssl'],
  ['curl', 'curl'],
  ['ping', 'iputils-ping'],
  ['tar', 'tar'],
];

/** Directories of administration programs. They may be missing in root's PATH. */
const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

const policyFile = '/usr/sbin/policy-rc.d';

/** Debian runs this file before it starts a service (invoke-rc.d(8)). Exit code 101 forbids the start. */
const policyText = '#!/bin/sh\n# berth lab: no service may start while its packages are installed\nexit 101\n';

/** Installs missing packages, also those of `more`. If that is not possible, throws an Error with the command to run. */
export async function ensurePrerequisites(log: Log, more: readonly Need[] = []): Promise<void> {
  requireRoot();
  const all = [...needs, ...more];
  const missing = missingPackages(all);
  if (missing.length === 0) return;
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  if (!existsSync('/etc/debian_version')) {
    throw new Error(`the lab needs programs that are missing here. On Debian: ${install.join(' ')}`);
  }
  await phase(log, `installing ${missing.join(' ')}`, () =>
    withoutServices(async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      // The package lists may be missing, or contain versions that no longer exist. If an extra source cannot be
      // reached, the lab may still work.
      await mustRun(['apt-get', 'update', '-q'], { env }).catch((error: Error) => log(error.message));
      await mustRun(install, { env });
    }),
  );
  const left = missingPackages(all);
  if (left.length > 0) throw new Error(`still missing after the installation: ${left.join(' ')}`);
}

/** Throws if this process may not create namespaces. */
function requireRoot(): void {
  if (process.platform !== 'linux') throw new Error('the lab runs on Linux only');
  if (process.getuid?.() !== 0) throw new Error('the lab creates network namespaces: run it as root');
}

/** The packages of programs that are not found, without duplicates. */
function missingPackages(all: readonly Need[]): readonly string[] {
  return [...new Set(all.filter(([need]) => !isThere(need)).map(([, debianPackage]) => debianPackage))];
}

/** Whether a program is on the PATH, or at its absolute path. */
export function isThere(need: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...sbin];
  const candidates = need.startsWith('/') ? [need] : folders.map((folder) => join(folder, need));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs `task` while no package may start a service, and then restores the earlier policy. */
async function withoutServices(task: () => Promise<void>): Promise<void> {
  const before = existsSync(policyFile) ? await readFile(policyFile, 'utf8') : undefined;
  if (before?.includes('exit 101')) return task();
  const kept = `${policyFile}.berth-lab`;
  if (before !== undefined) await rename(policyFile, kept);
  await writeFile(policyFile, policyText, { mode: 0o755 });
  try {
    await task();
  } finally {
    await rm(policyFile, { force: true });
    if (before !== undefined) await rename(kept, policyFile);
  }
}
