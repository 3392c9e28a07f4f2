/** A QEMU guest that sees this machine's files, has its own changes, and runs one command. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../lab/run.ts';
import type { Kernel } from './kernel.ts';

/** What the guest runs, and what it gets. */
export interface GuestOptions {
  readonly kernel: Kernel;
  /** A shell script. */
  readonly script: string;
  readonly accel: Accelerator;
  readonly cpus: number;
  readonly memoryGib: number;
  /** An empty folder that both sides see, in the guest as `/run/out`. The kernel's messages are in `console.log`. */
  readonly folder: string;
}

/** The size of the guest's own disk. On this machine it takes only the space that is written. */
const diskSize = '20G';

/** How QEMU runs the guest's processors: on those of this machine, or translated, at least ten times slower. */
export type Accelerator = 'kvm' | 'tcg';

const processors: Readonly<Record<Accelerator, readonly string[]>> = {
  // Without one register that QEMU may not be allowed to write if this machine is itself a guest.
  kvm: ['-accel', 'kvm', '-cpu', 'host,-arch-capabilities'],
  // The guest's clock counts instructions, one nanosecond each. So the guest sees a machine of
  // usual speed, however busy this one is.
  tcg: ['-accel', 'tcg,thread=single', '-cpu', 'max', '-icount', 'shift=0', '-rtc', 'clock=vm'],
};

/**
 * KVM with the processor's own virtualization. KVM without it (`kvm_pvm`) runs only kernels that
 * were made for that.
 */
const hardware = ['/sys/module/kvm_intel', '/sys/module/kvm_amd'];

/** What this machine offers. */
export function accelerator(): Accelerator {
  if (!hardware.some((path) => existsSync(path))) return 'tcg';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return 'kvm';
  } catch {
    return 'tcg';
  }
}

/** Runs the script in a new guest, with its output here. Gives its exit code. */
export async function runInGuest(options: GuestOptions): Promise<number> {
  const { folder, script } = options;
  await mkdir(folder, { recursive: true });
  const disk = join(folder, 'disk');
  const code = join(folder, 'code');
  await rm(code, { force: true });
  await rm(disk, { force: true });
  await writeFile(join(folder, 'command.sh'), script);
  await mustRun(['truncate', '--size', diskSize, disk]);
  await mustRun(['mkfs.ext4', '-q', '-O', '^has_journal', disk]);
  try {
    await qemu(argumentsOf(options, disk));
    if (!existsSync(code)) throw new Error(`the guest ended too early: see ${join(folder, 'console.log')}`);
    return Number(await readFile(code, 'utf8'));
  } finally {
    await rm(disk, { force: true });
  }
}

function argumentsOf({ kernel, accel, cpus, memoryGib, folder }: GuestOptions, disk: string): readonly string[] {
  const inside = join(import.meta.dirname, 'inside.sh');
  // The kernel puts names that it does not know into the environment of the first process.
  const commandLine = `console=ttyS0 panic=-1 loglevel=4 berth_script=${inside} berth_modules=${kernel.folder}`;
  return [
    ...[...processors[accel], '-smp', `${cpus}`, '-m', `${memoryGib}G`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-kernel', kernel.vmlinuz, '-initrd', kernel.initramfs, '-append', commandLine],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-fsdev', `local,id=out,path=${folder},security_model=none`],
    ...['-device', 'virtio-9p-pci,fsdev=out,mount_tag=out'],
    ...['-drive', `file=${disk},if=virtio,format=raw,cache=unsafe`],
    ...['-device', 'virtio-rng-pci'],
    ...['-serial', `file:${join(folder, 'console.log')}`, '-serial', 'stdio'],
  ];
}

/** Runs QEMU until the guest ends, at most until this process ends. */
function qemu(args: readonly string[]): Promise<void> {
  const argv = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`QEMU ended with ${signal ?? `code ${code}`}`));
    });
  });
}
