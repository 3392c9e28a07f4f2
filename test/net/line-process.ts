/** A child process inside a network namespace that is spoken to in JSON, one line per command and per answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cacheFolder } from '../lab/cache.ts';
import { eventually, patiently } from '../lab/poll.ts';

/** What the process says. */
export interface Said {
  readonly kind: string;
  readonly [fact: string]: unknown;
}

/** How to start it. */
export interface LineProcessOptions {
  readonly namespace: string;
  /** The program, relative to this folder or absolute. */
  readonly file: string;
  /** Words put before `node`, such as `setpriv ...`. */
  readonly prefix?: readonly string[];
  readonly args?: readonly string[];
}

/** A running child. */
export interface LineProcess {
  readonly child: ChildProcess;
  /** All lines said so far. */
  readonly said: readonly Said[];
  /** What it wrote to standard error so far. */
  stderr(): string;
  /** Sends a command that nothing answers. */
  tell(command: object): void;
  /** Sends a command and waits for the next line of a kind. */
  ask(command: object, kind: string): Promise<Said>;
  /** Waits for a line of a kind that nobody waited for yet. */
  next(kind: string): Promise<Said>;
  /** Waits until `find` gives something other than undefined or false, for half a minute at most; it is asked again after every line. */
  until<T>(what: string, find: () => T | undefined | false, timeoutMs?: number): Promise<T>;
  /** Makes it stand still: fulfilled when every thread of it does. */
  stop(): Promise<void>;
  /** Lets it go on. */
  goOn(): void;
  /** Kills it if it still runs. */
  close(): void;
}

/** Long for a machine that does much else: a process that says nothing for so long will say nothing at all. */
const deadlineMs = 30_000;

/** The environment of programs that the tests start: a second start need not compile anything, and most of a start is that. */
export const env = {
  ...process.env,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(cacheFolder(), 'compiled'),
};

/** Starts `file` with the Node that runs the tests. */
export function startLineProcess({ namespace, file, prefix = [], args = [] }: LineProcessOptions): LineProcess {
  const path = new URL(file, import.meta.url).pathname;
  const child = spawn('ip', ['netns', 'exec', namespace, ...prefix, process.execPath, path, ...args], { env });
  const news = new EventEmitter().setMaxListeners(0);
  const said: Said[] = [];
  /** Lines that nobody waited for yet, by their kind. */
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
  // Not `exit`: there may be lines to read still.
  child.on('close', (code, signal) => {
    ended = `ended by ${signal ?? code}`;
    news.emit('news');
  });
  // What is written to a process that ends is lost; that it has ended is what is told.
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

  const next = (kind: string) => until(`it says ${kind}`, () => waiting.get(kind)?.shift());
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

/** What each thread of a process does, in a letter of proc(5): one runs on until it has taken note of a signal. */
function statesOf(pid = 0): readonly (string | undefined)[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.map((thread) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1]);
}
