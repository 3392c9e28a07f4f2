/** A child process inside a network namespace that is spoken to in JSON, one line per command and per answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { eventually } from '../lab/poll.ts';

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
  /** Sends a command and waits for the next line of a kind (10 s). */
  ask(command: object, kind: string): Promise<Said>;
  /** Waits for a line of a kind that nobody waited for yet (10 s). */
  next(kind: string): Promise<Said>;
  /** Kills it if it still runs. */
  close(): void;
}

/** Starts `file` with the Node that runs the tests. */
export function startLineProcess({ namespace, file, prefix = [], args = [] }: LineProcessOptions): LineProcess {
  const path = new URL(file, import.meta.url).pathname;
  const child = spawn('ip', ['netns', 'exec', namespace, ...prefix, process.execPath, path, ...args]);
  const said: Said[] = [];
  const taken = new Set<Said>();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)));

  async function next(kind: string): Promise<Said> {
    const take = () => {
      const found = said.find((line) => line.kind === kind && !taken.has(line));
      if (found === undefined && child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${errors}`);
      return found;
    };
    const line = await eventually(`${file} says ${kind}`, take, { timeoutMs: 10_000, everyMs: 2 });
    taken.add(line);
    return line;
  }

  return {
    child,
    said,
    stderr: () => errors,
    next,
    ask: (command, kind) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return next(kind);
    },
    close: () => child.kill('SIGKILL'),
  };
}
