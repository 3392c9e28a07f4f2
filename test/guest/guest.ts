/**
 * `npm run guest`: tests that need a kernel with IPVS, VLANs, bonds and delays, in a QEMU guest
 * with Debian's own kernel.
 */
import { readdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ensureBinaries } from '../lab/binaries.ts';
import { cacheFolder, repository } from '../lab/cache.ts';
import { buildBerthImage, ensureImages } from '../lab/images.ts';
import { ensurePrerequisites, type Need } from '../lab/prerequisites.ts';
import { phase, seconds } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';
import { ensureKernel } from './kernel.ts';
import { accelerator, runInGuest } from './machine.ts';

/** Options as commander gives them. */
interface Options {
  readonly cpus: number;
  readonly memory: number;
  readonly keep: boolean;
  readonly command?: string;
}

const suffix = '.test.ts';
const suites = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(suffix))
  .map((name) => name.slice(0, -suffix.length));

/** The exit code of a program that Ctrl-C ended, as in a shell. */
const interruptedCode = 130;

/** Whether the suite's cluster runs Pods. Such a cluster is too slow on processors that QEMU translates. */
const hasPods = (suite: string) => suite.startsWith('services');

/**
 * The programs that the guest needs besides those of the lab. kube-proxy needs IPVS's programs, and
 * they help in debugging.
 */
const needs: readonly Need[] = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['modprobe', 'kmod'],
  ['depmod', 'kmod'],
  ['ipset', 'ipset'],
  ['ipvsadm', 'ipvsadm'],
  ['mkfs.ext4', 'e2fsprogs'],
];

const program = new Command('npm run guest --')
  .description(
    "Tests that need more than this machine's kernel may have, in a QEMU guest with Debian's own kernel. Without KVM it works ten times slower, and runs the suites with Pods only if they are named. The first run gets QEMU and the kernel from Debian packages.",
  )
  .argument('[suites...]', `which suites: ${suites.join(', ')}`)
  .option('--cpus <number>', 'how many processors the guest has', positiveInteger, accelerator() === 'kvm' ? 2 : 1)
  .option('--memory <gibibytes>', 'how much memory the guest has', positiveInteger, 6)
  .option('--keep', "keep the folder with the kernel's messages and the files of the tests", false)
  .option('--command <command>', 'run this command in the repository inside the guest, instead of tests')
  .parse();

const log = (line: string) => console.error(`guest: ${line}`);
process.exitCode = await guest(program.args, program.opts<Options>());

/** Prepares everything on this machine, where it is cached, and runs the tests in the guest; gives the exit code. */
async function guest(names: readonly string[], options: Options): Promise<number> {
  const unknown = names.filter((name) => !suites.includes(name));
  if (unknown.length > 0) throw new Error(`no suite ${unknown.join(', ')}: there are ${suites.join(', ')}`);
  await ensurePrerequisites(log, needs);
  const kernel = await ensureKernel(log);
  const binaries = await ensureBinaries(log);
  await phase(log, 'Berth built', () => mustRun([process.execPath, join(repository, 'scripts/build.ts')]));
  const accel = accelerator();
  const chosen = names.length > 0 ? names : suites.filter((name) => accel === 'kvm' || !hasPods(name));
  if (chosen.some(hasPods)) {
    await ensureImages(binaries, log);
    await phase(log, 'Berth image', () => buildBerthImage(log));
  }
  const folder = await mkdtemp(join(kernel.folder, 'run-'));
  const remove = () => {
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  };
  // QEMU ends with this process.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      remove();
      process.exit(interruptedCode);
    });
  }
  const begin = performance.now();
  try {
    const script = scriptOf(options.command ?? testCommand(chosen));
    const { cpus, memory: memoryGib } = options;
    log(
      `a guest starts (${accel}): ${options.command ?? chosen.join(', ')}; its kernel's messages: ${folder}/console.log`,
    );
    return await runInGuest({ kernel, script, accel, cpus, memoryGib, folder });
  } finally {
    log(`the guest has ended after ${seconds(begin)}`);
    remove();
  }
}

function testCommand(names: readonly string[]): string {
  const files = names.map((name) => `test/guest/${name}${suffix}`);
  // One file at a time: each has a cluster.
  const options = ['--test-concurrency=1', '--test-timeout=3600000', '--test-reporter=spec'];
  return [process.execPath, '--test', ...options, ...files].join(' ');
}

/** Makes the guest's commands find the same programs and the same cache as on this machine. */
function scriptOf(command: string): string {
  const names = ['PATH', 'HOME', 'KUBEBUILDER_ASSETS', 'GOFLAGS', 'GOPATH'];
  const passed = names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]));
  const set = [...passed, ['BERTH_CACHE', join(cacheFolder(), '..')], ['BERTH_PATIENCE', '3']] as const;
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    ...set.map(([name, value]) => `export ${name}=${quoted(value ?? '')}`),
    `cd ${quoted(repository)}`,
    command,
    '',
  ].join('\n');
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
