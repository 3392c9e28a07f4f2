/** A child process inside a network namespace. It reads commands and writes answers in JSON, one per line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cacheFolder } from '../lab/cache.ts';
import { eventually, patiently } from '../lab/poll.ts';

/** A line that the process prints. */
export interface Said {
  readonly kind: string;
  readonly [fact: string]: unknown;
}

/** How to start the process. */
export interface LineProcessOptions {
  readonly namespace: string;
  /** The program, relative to this folder or absolute. */
  readonly file: string;
  /** Words before `node`, such as `setpriv ...`. */
  readonly prefix?: readonly string[];
  readonly args?: readonly string[];
}

/** A running child. */
export interface LineProcess {
  readonly child: ChildProcess;
  /** All lines so far. */
  readonly said: readonly Said[];
  /** The text that the process has written to standard error so far. */
  stderr(): string;
  /** Sends a command that has no answer. */
  tell(command: object): void;
  /** Sends a command and waits for the next line of a kind. */
  ask(command: object, kind: string): Promise<Said>;
  /** Waits for the next line of a kind that no earlier call has returned. */
  next(kind: string): Promise<Said>;
  /**
   * Waits until `find` returns something other than undefined or false, for at most half a minute.
   * It is called after every line.
   */
  until<T>(what: string, find: () => T | undefined | false, timeoutMs?: number): Promise<T>;
  /** Stops the process with SIGSTOP; resolves when every thread stands still. */
  stop(): Promise<void>;
  /** Lets the process continue. */
  goOn(): void;
  /** Kills the process if it still runs. */
  close(): void;
}

/** Long, for a busy machine: a process that prints nothing for this long will never print anything. */
const deadlineMs = 30_000;

/**
 * The environment of programs that the tests start. The compile cache makes a second start faster:
 * most of a start is compilation.
 */
export const env = {
  ...process.env,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(cacheFolder(), 'compiled'),
};

/** Starts `file` with the Node.js that runs the tests. */
export function startLineProcess({ namespace, file, prefix = [], args = [] }: LineProcessOptions): LineProcess {
  const path = new URL(file, import.meta.url).pathname;
  const child = spawn('ip', ['netns', 'exec', namespace, ...prefix, process.execPath, path, ...args], { env });
  const news = new EventEmitter().setMaxListeners(0);
  const said: Said[] = [];
  /** Lines that no call has returned yet, by kind. */
  const waiting = new Map<string, Said[]>();
  let errors = '';
  let ended: string | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const one: Said = JSON.parse(line);
    said.push(one);
    waiting.set(one.kind, [...(waiting.get(one.kind) ?? []), one]);
    news.emit('news');
  });
  // Not `exit`: there may still be lines to read.
  child.on('close', (code, signal) => {
    ended = `ended by ${signal ?? code}`;
    news.emit('news');
  });
  // Input for a process that has ended is lost: the error to report is that it has ended.
  child.stdin.on('error', () => undefined);

  async function until<T>(what: string, find: () => T | undefined | false, timeoutMs = deadlineMs): Promise<T> {
    const timeout = AbortSignal.timeout(patiently(timeoutMs));
    for (;;) {
      const found = find();
      if (found !== undefined && found !== false) return found;
      if (ended !== undefined) throw new Error(`${file} ${ended} before ${what}: ${errors}`);
      await once(news, 'news', { signal: timeout }).catch((cause) => {
        throw new Error(`${file}: not within ${patiently(timeoutMs)} ms: ${what}: ${errors}`, { cause });
      });
    }
  }

  const next = (kind: string) => until(`a line of kind ${kind}`, () => waiting.get(kind)?.shift());
  const tell = (command: object): void => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
  };
  return {
    child,
    said,
    stderr: () => errors,
    tell,
    next,
    until,
    ask: (command, kind) => {
      tell(command);
      return next(kind);
    },
    stop: async () => {
      child.kill('SIGSTOP');
      await eventually('every thread stands still', () => statesOf(child.pid).every((state) => state === 'T'), {
        everyMs: 1,
      });
    },
    goOn: () => child.kill('SIGCONT'),
    close: () => child.kill('SIGKILL'),
  };
}

/** The state of each thread of a process, as a letter of proc(5). A thread runs on until it has noticed the signal. */
function statesOf(pid = 0): readonly (string | undefined)[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.map((thread) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1]);
}
