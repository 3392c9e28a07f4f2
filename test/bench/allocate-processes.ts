/** The processes that the bench starts, and what the kernel says of them. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type LabHost } from '../lab/cluster.ts';

/** What a process has used so far. */
export interface Usage {
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
  /** The largest RSS so far. */
  readonly peakMb: number;
}

/** Clock ticks per second in /proc: the kernel's ABI on every architecture that Berth knows. */
const ticksPerSecond = 100;
const startDeadlineMs = 60_000;
const stopDeadlineMs = 30_000;

/** What to start. */
export interface RoleOptions {
  readonly host: LabHost;
  /** A program for Node.js, and its arguments. */
  readonly argv: readonly string[];
  /** Name of the log in `logs`, and of the profile. */
  readonly name: string;
  readonly logs: string;
  /** Folder for a CPU profile, written when the process ends. */
  readonly profile?: string | undefined;
}

/** A running process, which logs as Berth does. */
export interface Role {
  /** Throws with the end of the log when the process is gone. */
  usage(): Usage;
  /** Waits for a line of its log; milliseconds from the start of the process to that line. */
  said(message: string): Promise<number>;
  /** Sends SIGTERM and waits for its end. */
  stop(): Promise<void>;
}

/** Starts a process on a host. */
export function startRole({ host, argv, name, logs, profile }: RoleOptions): Role {
  const logFile = join(logs, `${name}.log`);
  const log = openSync(logFile, 'w');
  const profiling =
    profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile, '--cpu-prof-name', `${name}.cpuprofile`];
  const startedAt = Date.now();
  // Straight into a file: the bench need not handle ten thousand lines.
  const child = host.spawn([process.execPath, ...profiling, ...argv], {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const pid = child.pid ?? 0;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const mustRun = () => {
    if (hasEnded()) throw new Error(`${name} has ended; its log says:\n${tail(logFile)}`);
  };
  return {
    usage: () => {
      mustRun();
      return usageOf(pid);
    },
    said: async (message) => {
      const find = () => linesOf(logFile).find((each) => each.includes(`"msg":"${message}"`));
      await eventually(`${name} says "${message}"`, () => hasEnded() || find() !== undefined, {
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
            `${name} does not end within ${stopDeadlineMs / 1000} s of SIGTERM; its log says:\n${tail(logFile)}`,
          );
        await delay(5);
      }
    },
  };
}

/** What a process has used so far. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets; utime and stime are fields 14 and 15 (proc_pid_stat(5)).
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
  // What follows the last line break is not written to its end yet.
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

function tail(file: string): string {
  return linesOf(file).slice(-10).join('\n');
}
