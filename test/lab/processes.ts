/** Starts the lab's long-running processes, identifies them by pid and start time, and ends them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { noProxy } from './run.ts';

/** A process that the lab started. Another process may have got its pid since then, so the start time is recorded too. */
export interface ProcessRecord {
  readonly name: string;
  /** The host of the lab that the process belongs to. */
  readonly host: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot (proc(5)). */
  readonly startTime: string;
  /** The file with its output. */
  readonly logFile?: string;
}

/** A program to start, and the file for its output. */
export interface StartOptions {
  readonly name: string;
  readonly host: string;
  readonly argv: readonly string[];
  readonly logFile: string;
}

const pollMs = 20;
const gentleMs = 5000;

/** Starts a program that continues to run after this process has ended. Its output is appended to a file. */
export function start(options: StartOptions): ProcessRecord {
  const { name, host, logFile } = options;
  const [program = '', ...args] = options.argv;
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...noProxy },
  });
  closeSync(log);
  // An error is reported later, by the code that waits for the process.
  child.on('error', () => {});
  child.unref();
  return recordOf(child, { name, host, logFile });
}

/** The record of a child process. Throws if it did not start. */
export function recordOf(child: ChildProcess, whose: Omit<ProcessRecord, 'pid' | 'startTime'>): ProcessRecord {
  if (child.pid === undefined) throw new Error(`${whose.name} on ${whose.host} did not start`);
  return { ...whose, pid: child.pid, startTime: startTimeOf(child.pid) ?? '0' };
}

/** The start time of a process; undefined if it is gone. A zombie counts as gone, because it runs no code. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses. The name may contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether any process has this pid. */
export function isRunning(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** Whether the recorded process still runs. */
export function isAlive(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

/** Ends the recorded processes by SIGTERM, and by SIGKILL if they still run after `graceMs`. */
export async function end(records: readonly ProcessRecord[], graceMs = gentleMs): Promise<void> {
  if (graceMs > 0) {
    signal(records, 'SIGTERM');
    if (await allGone(records, graceMs)) return;
  }
  signal(records, 'SIGKILL');
  if (await allGone(records, gentleMs)) return;
  const left = records.filter(isAlive).map(({ name, pid }) => `${name} (${pid})`);
  throw new Error(`processes do not end: ${left.join(', ')}`);
}

/** Sends a signal to the recorded processes that still run. */
export function signal(records: readonly ProcessRecord[], name: NodeJS.Signals): void {
  for (const record of records.filter(isAlive)) {
    try {
      process.kill(record.pid, name);
    } catch {
      // The process has ended by itself just now.
    }
  }
}

async function allGone(records: readonly ProcessRecord[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (records.some(isAlive)) {
    if (performance.now() > deadline) return false;
    await delay(pollMs);
  }
  return true;
}

/** The direct children of a process. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Every process in one of the network namespaces (texts like "net:[4026532008]"), whether it is recorded or not. */
export function processesIn(namespaces: ReadonlySet<string>, host: string): readonly ProcessRecord[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((text) => {
    const pid = Number(text);
    const startTime = startTimeOf(pid);
    if (startTime === undefined || !namespaces.has(networkNamespaceOf(pid) ?? '')) return [];
    return [{ name: 'found', host, pid, startTime }];
  });
}

function networkNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}
