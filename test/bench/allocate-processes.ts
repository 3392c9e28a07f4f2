/** The processes that the bench starts, and their CPU time and memory as the kernel counts them. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type LabHost } from '../lab/cluster.ts';

/** CPU time and memory of a process so far. */
export interface Usage {
  /** User time and system time. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
  /** The largest RSS so far. */
  readonly peakMb: number;
}

/** Clock ticks per second in /proc. The kernel's ABI has this value on every architecture that Berth supports. */
const ticksPerSecond = 100;
const startDeadlineMs = 60_000;
const stopDeadlineMs = 30_000;

/** The process to start. */
export interface RoleOptions {
  readonly host: LabHost;
  /** A program for Node.js, and its arguments. */
  readonly argv: readonly string[];
  /** The name of the log file in `logs`, and of the profile. */
  readonly name: string;
  readonly logs: string;
  /** Folder for a CPU profile, which is written when the process ends. */
  readonly profile?: string | undefined;
}

/** A running process that writes Berth's log format. */
export interface Role {
  /** Throws with the end of the log if the process has ended. */
  usage(): Usage;
  /** Waits for a line of the log. Returns the milliseconds from the start of the process to that line. */
  said(message: string): Promise<number>;
  /** Sends SIGTERM and waits until the process has ended. */
  stop(): Promise<void>;
}

/** Starts a process on a host. */
export function startRole({ host, argv, name, logs, profile }: RoleOptions): Role {
  const logFile = join(logs, `${name}.log`);
  const log = openSync(logFile, 'w');
  const profiling =
    profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile, '--cpu-prof-name', `${name}.cpuprofile`];
  const startedAt = Date.now();
  // The log goes straight into a file, so that the bench does not handle ten thousand lines.
  const child = host.spawn([process.execPath, ...profiling, ...argv], {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const pid = child.pid ?? 0;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const mustRun = () => {
    if (hasEnded()) throw new Error(`${name} has ended; end of its log:\n${tail(logFile)}`);
  };
  return {
    usage: () => {
      mustRun();
      return usageOf(pid);
    },
    said: async (message) => {
      const find = () => linesOf(logFile).find((each) => each.includes(`"msg":"${message}"`));
      await eventually(`${name} logs "${message}"`, () => hasEnded() || find() !== undefined, {
        timeoutMs: startDeadlineMs,
        everyMs: 20,
      });
      const line = find();
      if (line === undefined) mustRun();
      return Date.parse((JSON.parse(line ?? '{}') as { time: string }).time) - startedAt;
    },
    stop: async () => {
      mustRun();
      child.kill('SIGTERM');
      const deadline = performance.now() + stopDeadlineMs;
      while (!hasEnded()) {
        if (performance.now() > deadline)
          throw new Error(
            `${name} does not end within ${stopDeadlineMs / 1000} s of SIGTERM; end of its log:\n${tail(logFile)}`,
          );
        await delay(5);
      }
    },
  };
}

/** Reads the CPU time and memory of a process so far. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses. utime and stime are fields 14 and 15 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1000;
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rssMb: mb('VmRSS'),
    peakMb: mb('VmHWM'),
  };
}

function linesOf(file: string): readonly string[] {
  // The text after the last line break is an incomplete line.
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

function tail(file: string): string {
  return linesOf(file).slice(-10).join('\n');
}
