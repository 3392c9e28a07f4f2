/** Runs test files until the first test fails. */
import { type ChildProcess, spawn } from 'node:child_process';
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { FailedTest } from './reporter.ts';

/** The result of a run. */
export type RunOutcome =
  | { readonly kind: 'Passed' }
  | { readonly kind: 'Failed'; readonly file: string; readonly test: string }
  /** The run exceeded its time limit. With a mutation this also counts as found. */
  | { readonly kind: 'Hung' };

const reporter = new URL('reporter.ts', import.meta.url).pathname;

/** The running processes. */
const running = new Set<ChildProcess>();

/** Ends all running processes, with all their child processes. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** Runs test files in a tree, two at a time. */
export async function runTests(
  root: string,
  files: readonly string[],
  { limitMs }: { readonly limitMs: number },
): Promise<RunOutcome> {
  const args = ['--test', '--test-concurrency=2', `--test-reporter=${reporter}`, ...files];
  // Its own process group: the processes of a test end with it, and Ctrl-C reaches only the parent.
  const child = spawn(process.execPath, args, {
    ...{ cwd: root, detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
    // With this variable the runner would assume that it is a child of another runner, and run nothing.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  running.add(child);
  // A process that a test has left running would keep the pipe open.
  child.once('exit', () => end(child));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  let outcome: RunOutcome = { kind: 'Passed' };
  const finish = (found: RunOutcome) => {
    if (outcome.kind === 'Passed') outcome = found;
    end(child);
  };
  const timer = setTimeout(() => finish({ kind: 'Hung' }), limitMs);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const { file, name } = JSON.parse(line) as FailedTest;
    finish({ kind: 'Failed', file: relative(root, file), test: name });
  });
  const code = await closed;
  clearTimeout(timer);
  running.delete(child);
  const result = outcome as RunOutcome;
  return result.kind === 'Passed' && code !== 0 ? { kind: 'Failed', file: '', test: `exit code ${code}` } : result;
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
