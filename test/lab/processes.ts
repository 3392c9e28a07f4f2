/** Starts the lab's long-running processes, knows them again by pid and start time, and ends them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { noProxy } from './run.ts';

/** A process that the lab started. A pid alone may be someone else's by now: the start time tells. */
export interface ProcessRecord {
  readonly name: string;
  /** The lab host whose it is. */
  readonly host: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot (proc(5)). */
  readonly startTime: string;
  /** Where its output goes. */
  readonly logFile?: string;
}

/** What to start, and where its output goes. */
export interface StartOptions {
  readonly name: string;
  readonly host: string;
  readonly argv: readonly string[];
  readonly logFile: string;
}

const pollMs = 20;
const gentleMs = 5000;

/** Starts a program that outlives this process, its output appended to a file. */
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
  // Reported by whoever waits for the process to do its work.
  child.on('error', () => {});
  child.unref();
  return recordOf(child, { name, host, logFile });
}

/** The record of a child process; throws when it did not even start. */
export function recordOf(child: ChildProcess, whose: Omit<ProcessRecord, 'pid' | 'startTime'>): ProcessRecord {
  if (child.pid === undefined) throw new Error(`${whose.name} on ${whose.host} did not start`);
  return { ...whose, pid: child.pid, startTime: startTimeOf(child.pid) ?? '0' };
}

/** Start time of a process, undefined when it is gone. A zombie counts as gone: it runs nothing. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, which may hold spaces and brackets.
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

/** Ends the recorded processes: SIGTERM, and SIGKILL to those that are still there after `graceMs`. */
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

/** Sends a signal to those of the recorded processes that still run. */
export function signal(records: readonly ProcessRecord[], name: NodeJS.Signals): void {
  for (const record of records.filter(isAlive)) {
    try {
      process.kill(record.pid, name);
    } catch {
      // It ended by itself in this very moment.
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

/** Direct children of a process. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Every process in one of the network namespaces (texts like "net:[4026532008]"), recorded or not. */
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
